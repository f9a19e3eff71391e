//! hyper's server and client as readers, each over memory in place of a socket.

use std::cell::RefCell;
use std::convert::Infallible;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};

use crate::seen::{Field, Seen, sorted};

/// More than any message here has, so that nobody waits for room.
const ROOM: usize = 1 << 20;

/// Reads messages, one after the other.
#[derive(Debug)]
pub struct Hyper(Runtime);

impl Hyper {
    /// A reader with a runtime of its own.
    ///
    /// # Errors
    /// If the system gives no runtime.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(Builder::new_current_thread().build()?))
    }

    /// All requests that hyper's server sees in `bytes`, after which the client sends no more. Bodies that break off
    /// are none: their request is left out.
    #[must_use]
    pub fn requests(&self, bytes: &[u8]) -> Vec<Seen> {
        let seen = RefCell::new(Vec::new());
        self.0.block_on(async {
            let (mut client, server) = duplex(ROOM);
            if client.write_all(bytes).await.is_err() || client.shutdown().await.is_err() {
                return;
            }
            let service = service_fn(async |request: hyper::Request<Incoming>| {
                let (parts, body) = request.into_parts();
                if let Ok(body) = body.collect().await {
                    seen.borrow_mut().push(Seen {
                        first: parts.method.as_str().into(),
                        target: parts.uri.to_string().into_bytes(),
                        fields: fields(&parts.headers),
                        body: body.to_bytes().to_vec(),
                        keep_alive: true,
                        len: None,
                    });
                }
                Ok::<_, Infallible>(hyper::Response::new(Empty::<Bytes>::new()))
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            // How it ends is no matter: what was seen before is.
            let _ended = http.half_close(true).serve_connection(TokioIo::new(server), service).await;
            drop(client);
        });
        seen.into_inner()
    }

    /// The response to a GET that hyper's client sees in `bytes`, after which the server closes.
    #[must_use]
    pub fn response(&self, bytes: &[u8]) -> Option<Seen> {
        self.0.block_on(async {
            let (client, mut server) = duplex(ROOM);
            let (mut sender, conn) =
                hyper::client::conn::http1::handshake(TokioIo::new(client)).await.ok()?;
            let serve = async {
                let mut request = [0; 512];
                let read = server.read(&mut request).await;
                read.is_ok() && server.write_all(bytes).await.is_ok() && server.shutdown().await.is_ok()
            };
            let ask = async move {
                let response = sender.send_request(hyper::Request::new(Empty::<Bytes>::new())).await.ok()?;
                let (parts, body) = response.into_parts();
                Some(Seen {
                    first: parts.status.as_str().into(),
                    target: Vec::new(),
                    fields: fields(&parts.headers),
                    body: body.collect().await.ok()?.to_bytes().to_vec(),
                    keep_alive: true,
                    len: None,
                })
            };
            tokio::join!(conn, serve, ask).2
        })
    }
}

fn fields(map: &HeaderMap) -> Vec<Field> {
    sorted(map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}
