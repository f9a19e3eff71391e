//! A toy origin: a thread on which hyper says which origin it is.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// An origin at a port of the system's choice.
#[derive(Debug)]
pub(crate) struct Origin {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Starts origin number `number`.
    ///
    /// # Errors
    /// If no socket or thread is to be had.
    pub(crate) fn start(number: u32) -> Result<Self, String> {
        let failed = |error| format!("origin {number} cannot be started: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let name = format!("origin-{number}");
        let body = move || runtime.block_on(serve(number, listener, stopped));
        let thread = thread::Builder::new().name(name).spawn(body).map_err(failed)?;
        Ok(Self { addr, stop, thread: Some(thread) })
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops it as servers are stopped for an upgrade: no new connection is taken, idle ones are closed, what it
    /// is answering it answers. Returns when it is gone.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic of it shows in requests that fail.
            let _ = thread.join();
        }
    }
}

async fn serve(number: u32, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let (close, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(answer(number, stream, closed.clone()));
                }
            }
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // The system resets connections that nobody accepted, with the requests in them: none may be left. Only then
    // idle ones are closed, since that is what makes the proxy ask for new ones.
    for stream in close_listener(listener) {
        connections.spawn(answer(number, stream, closed.clone()));
    }
    close.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// Closes the listener; the connections that waited in it.
fn close_listener(listener: tokio::net::TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let waiting = std::iter::from_fn(|| listener.accept().ok());
    waiting
        .filter_map(|(stream, _)| {
            stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)).ok()
        })
        .collect()
}

async fn answer(number: u32, stream: TcpStream, mut closed: watch::Receiver<bool>) {
    let service = service_fn(move |_: Request<Incoming>| {
        let body = Full::new(Bytes::from(format!("origin {number}\n")));
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let mut connection =
        std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closed.wait_for(|closed| *closed) => connection.as_mut().graceful_shutdown(),
    }
    // Whether it ends well is the client's to say.
    let _ = connection.await;
}
