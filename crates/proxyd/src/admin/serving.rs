//! The thread that answers.

use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Weak;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use proxy_http::executor::Shared;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tracing::debug;

use super::pages::{self, Page};
use super::socket::{File, Socket};
use super::trace;

/// A socket that is answered at; dropping it ends its thread and removes the file.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _file: File,
}

impl Socket {
    /// Answers from now on. What the executors share is looked at, not kept alive.
    ///
    /// # Errors
    /// If the runtime or the thread cannot be had.
    pub(crate) fn serve(self, shared: Weak<Shared>) -> io::Result<Serving> {
        let (listener, file) = self.into_parts();
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let body = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shared) => {}
                    // Also where the sender is gone.
                    _ = stopped => {}
                }
            });
        };
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(body)?;
        Ok(Serving { stop: Some(stop), thread: Some(thread), _file: file })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic was told by the panic hook.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: StdListener, shared: Weak<Shared>) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("the admin socket cannot be served: {error}");
            return;
        }
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, mostly: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shared = Weak::clone(&shared);
        let service = service_fn(move |request| {
            let response = respond(&request, &shared);
            async move { Ok::<_, Infallible>(response) }
        });
        let mut http = http1::Builder::new();
        let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!("an admin connection failed: {error}");
            }
        });
    }
}

/// A page, or a stream without an end.
type Answer = UnsyncBoxBody<Bytes, Infallible>;

fn respond(request: &Request<Incoming>, shared: &Weak<Shared>) -> Response<Answer> {
    if request.method() != Method::GET {
        let page = Page::text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n".to_owned());
        let mut response = whole(page);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return response;
    }
    let Some(shared) = shared.upgrade() else {
        let text = "the server is about to end\n".to_owned();
        return whole(Page::text(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    if path != "/trace" {
        return whole(pages::answer(path, query, &shared.published.current().1));
    }
    match trace::answer(query, &shared) {
        Ok(stream) => response(StatusCode::OK, stream.media_type(), stream.boxed_unsync()),
        Err(page) => whole(page),
    }
}

fn whole(page: Page) -> Response<Answer> {
    response(page.status, page.media_type, Full::new(Bytes::from(page.body)).boxed_unsync())
}

fn response(status: StatusCode, media_type: &'static str, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
