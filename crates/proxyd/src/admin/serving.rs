//! The thread that answers.

use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::sync::{Arc, Weak};
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
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tracing::debug;

use super::pages::{self, Page};
use super::socket::{File, Socket};
use super::{generations, trace};
use crate::executors::Executors;
use crate::reload::Desk;
use crate::retirement::Retirement;

/// A socket that is answered at; dropping it ends its thread and removes the file.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<Stop>>,
    thread: Option<JoinHandle<()>>,
    file: File,
}

/// How a socket ends.
#[derive(Debug)]
enum Stop {
    AtOnce,
    /// After what was asked already, as far as it is answered in time.
    AfterAnswers,
}

/// How long those are waited for who are answered at a socket that is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked about. Executors, with what they share, are looked at and not kept alive.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) executors: Weak<Executors>,
    pub(super) reloads: Arc<Desk>,
    pub(super) retirement: Arc<Retirement>,
}

impl Socket {
    /// Answers from now on.
    ///
    /// # Errors
    /// If the runtime or the thread cannot be had.
    pub(crate) fn serve(
        self,
        executors: Weak<Executors>,
        reloads: Arc<Desk>,
        retirement: Arc<Retirement>,
    ) -> io::Result<Serving> {
        let subject = Subject { executors, reloads, retirement };
        let (listener, file) = self.into_parts();
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let body = move || {
            runtime.block_on(async {
                let mut connections = JoinSet::new();
                tokio::select! {
                    () = accept(listener, subject, &mut connections) => {}
                    stop = stopped => if let Ok(Stop::AfterAnswers) = stop {
                        let answered = async { while connections.join_next().await.is_some() {} };
                        // Whoever is not answered by then is cut.
                        let _ = tokio::time::timeout(PATIENCE, answered).await;
                    },
                }
            });
        };
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(body)?;
        Ok(Serving { stop: Some(stop), thread: Some(thread), file })
    }
}

impl Serving {
    /// Where it is; none if somebody has removed or replaced the file.
    pub(crate) fn place(&self) -> Option<&Path> {
        self.file.place()
    }

    /// Answers who is there and nobody else, and ends after that without being waited for.
    pub(crate) fn retire(mut self) {
        if let Some(stop) = self.stop.take() {
            // A thread that is gone needs no word.
            let _ = stop.send(Stop::AfterAnswers);
        }
        self.thread = None;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // As above.
            let _ = stop.send(Stop::AtOnce);
        }
        if let Some(thread) = self.thread.take() {
            // A panic was told by the panic hook.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: StdListener, subject: Subject, connections: &mut JoinSet<()>) {
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
        let subject = subject.clone();
        let service = service_fn(move |request| {
            let subject = subject.clone();
            async move { Ok::<_, Infallible>(respond(&request, &subject).await) }
        });
        let mut http = http1::Builder::new();
        let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            if let Err(error) = connection.await {
                debug!("an admin connection failed: {error}");
            }
        });
    }
}

/// A page, or a stream without an end.
type Answer = UnsyncBoxBody<Bytes, Infallible>;

async fn respond(request: &Request<Incoming>, subject: &Subject) -> Response<Answer> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let allowed = if path == "/reload" { Method::POST } else { Method::GET };
    if request.method() != allowed {
        let page = Page::text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed} is answered here\n"));
        let mut response = whole(page);
        let allowed = if path == "/reload" { "POST" } else { "GET" };
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return response;
    }
    if path == "/reload" {
        return whole(generations::reload(query, &subject.reloads).await);
    }
    let Some(executors) = subject.executors.upgrade() else {
        let text = "the server is about to end\n".to_owned();
        return whole(Page::text(StatusCode::SERVICE_UNAVAILABLE, text));
    };
    let shared = executors.shared();
    match path {
        "/trace" => match trace::answer(query, shared) {
            Ok(stream) => response(StatusCode::OK, stream.media_type(), stream.boxed_unsync()),
            Err(page) => whole(page),
        },
        "/generation" => whole(generations::answer(query, &executors, subject)),
        _ => whole(pages::answer(path, query, &shared.published.current().1)),
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
