//! Clients and origins that nobody here wrote: curl, hyper, nginx, Python's http.server, tungstenite; and bodies
//! that are larger than any buffer.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use crate::support::client::Client;
use crate::support::config::{Balanced, Syntax};
use crate::support::origin::{Origin, Then, ok, read_head};
use crate::support::peer::Peer;
use crate::support::ports::Refused;
use crate::support::process::Watched;
use crate::support::server::Server;
use crate::support::told;
use crate::support::wait::uninterrupted;

/// A server that passes everything on to `url`, behind one dead endpoint.
fn balanced(url: &str) -> (Server, Refused) {
    let refused = Refused::new();
    let config = Balanced::default().endpoint("c", &refused.url()).endpoint("c", url).route("/", "c");
    (Server::balanced(Syntax::Conf, &config), refused)
}

fn curl(args: &[&str]) -> Option<String> {
    let mut curl = Command::new(told::program("curl")?);
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "20", "--noproxy", "*"]).args(args);
    let output = curl.stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "curl {args:?}: {err}");
    Some(out.into_owned())
}

#[test]
fn curl_downloads_uploads_and_reuses_its_connection() {
    let origin = Origin::answering(|seen, stream| {
        stream.write_all(&ok(&seen.body.repeat(2)))?;
        Ok(Then::Keep)
    });
    let (server, _refused) = balanced(&origin.url());
    let url = format!("http://{}/x", server.addr());
    let Some(out) = curl(&["--data", "hello", &url]) else { return };
    assert_eq!(out, "hellohello");
    let chunked = ["--header", "Transfer-Encoding: chunked", "--data", "hello", &url];
    assert_eq!(curl(&chunked).as_deref(), Some("hellohello"));
    let file = server.root().join("upload");
    fs::write(&file, vec![b'u'; 300_000]).unwrap();
    // curl sends `Expect: 100-continue` with a body of that size.
    let file = file.display().to_string();
    let expect = ["--header", "Expect: 100-continue", "--upload-file", &file, &url];
    assert_eq!(curl(&expect).map(|out| out.len()), Some(600_000));
    let twice = [
        "--write-out",
        "%{num_connects} ",
        "--data",
        "a",
        &url,
        "--next",
        "--silent",
        "--noproxy",
        "*",
        "--write-out",
        "%{num_connects}",
        "--data",
        "b",
        &url,
    ];
    assert_eq!(curl(&twice).as_deref(), Some("aa1 bb0"));
}

#[test]
fn hyper_as_client_and_as_origin() {
    use http_body_util::{BodyExt, Full};
    use hyper::body::Bytes;
    use hyper_util::rt::TokioIo;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let origin = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let echo =
                    hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        Ok::<_, std::convert::Infallible>(hyper::Response::new(Full::new(body)))
                    });
                let conn =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), echo);
                tokio::spawn(async move { drop(conn.await) });
            }
        });
        let (server, _refused) = balanced(&url);
        let stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
        let (mut sender, conn) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { drop(conn.await) });
        for size in [0, 1, 100_000, 3] {
            let body = Bytes::from(vec![b'h'; size]);
            let request = hyper::Request::post("/echo")
                .header("Host", "a.example")
                .body(Full::new(body.clone()))
                .unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), 200);
            assert!(response.into_body().collect().await.unwrap().to_bytes() == body, "{size} bytes");
        }
        origin.abort();
    });
}

#[test]
fn pythons_http_server_as_origin() {
    let Some(python) = told::program("python3") else { return };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("page.txt"), vec![b'p'; 200_000]).unwrap();
    let mut command = Command::new(python);
    command.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]).current_dir(dir.path());
    let mut python = Watched::spawn(command);
    let line = python.wait_for_line("Serving HTTP on 127.0.0.1 port ");
    let port: String = line.split("port ").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    let (server, _refused) = balanced(&format!("http://127.0.0.1:{port}"));
    let mut client = server.client();
    for _ in 0..3 {
        client.send_get("/page.txt");
        let response = client.response();
        assert_eq!((response.status, response.body.len(), response.complete), (200, 200_000, true));
    }
    client.send_get("/missing.txt");
    assert_eq!(client.response().status, 404);
}

#[test]
fn nginx_as_origin() {
    let Some(nginx) = told::program("nginx") else { return };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("page.txt"), vec![b'n'; 200_000]).unwrap();
    let nginx = Peer::nginx(
        &nginx,
        &format!(
            "root {}; location /echo {{ return 200 \"$request_method $uri $args $http_host\"; }}",
            dir.path().display()
        ),
    );
    let (server, _refused) = balanced(&nginx.url());
    let mut client = server.client();
    for _ in 0..3 {
        client.send_get("/page.txt");
        let response = client.response();
        assert_eq!((response.status, response.body.len(), response.complete), (200, 200_000, true));
    }
    client.send(b"GET /page.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=10-19\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (206, "nnnnnnnnnn"));
    client.send_get("/echo/a%20b?x=%41");
    assert_eq!(client.response().text(), format!("GET /echo/a b x=%41 {}", nginx.authority()));
    client.send(b"HEAD /page.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response_to_head().field("Content-Length"), Some("200000"));
    client.send_get("/missing");
    assert_eq!(client.response().status, 404);
}

#[test]
fn websocket_messages_both_ways() {
    use tungstenite::Message;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let origin = thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                socket.send(message).unwrap();
            }
        }
    });
    let (server, _refused) = balanced(&url);
    let stream = TcpStream::connect(server.addr()).unwrap();
    let (mut socket, response) = tungstenite::client(format!("ws://{}/chat", server.addr()), stream).unwrap();
    assert_eq!(response.status(), 101);
    for size in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let message = Message::binary(vec![b'w'; size]);
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "{size} bytes");
    }
    socket.send(Message::text("grüße")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("grüße"));
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    origin.join().unwrap();
}

const GIB: u64 = 1 << 30;

/// How much the server may grow: buffers of one connection, but not bodies. In KiB.
const FLAT: u64 = 8 * 1024;

/// Writes so many zeros.
fn zeros(stream: &mut TcpStream, count: u64) -> std::io::Result<()> {
    let block = vec![0; 1 << 18];
    let mut left = count;
    while left > 0 {
        let part = left.min(block.len() as u64);
        stream.write_all(&block[..part as usize])?;
        left -= part;
    }
    Ok(())
}

/// Reads so many bytes, and whether they were zeros.
fn count_zeros(stream: &mut TcpStream, count: u64) -> std::io::Result<bool> {
    let mut block = vec![0; 1 << 18];
    let (mut left, mut all) = (count, true);
    while left > 0 {
        let most = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let part = uninterrupted(|| stream.read(&mut block[..most]))?;
        if part == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        // Looking at each byte would take longer than sending it: the ends of each part do.
        all &= block[0] == 0 && block[part - 1] == 0;
        left -= part as u64;
    }
    Ok(all)
}

/// Serves a GiB to GET and takes one by POST.
fn gib_origin() -> Origin {
    Origin::conversing(|_, mut stream, _| {
        loop {
            let mut head = Vec::new();
            read_head(&mut stream, &mut head)?;
            if head.starts_with(b"POST") {
                let fine = count_zeros(&mut stream, GIB)?;
                stream.write_all(&ok(if fine { b"a GiB of zeros" } else { b"something else" }))?;
            } else {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {GIB}\r\n\r\n")?;
                zeros(&mut stream, GIB)?;
            }
        }
    })
}

#[test]
fn a_gib_downloaded_and_uploaded_in_flat_memory() {
    let origin = gib_origin();
    let server = Server::conf(&format!("Executors 1\nProxyPass / {}/\n", origin.url()));
    let peak = || server.process().memory_kib("VmHWM:");
    // The first megabytes make the buffers that the rest is to be content with.
    let mut client = server.client();
    client.send(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = drain_head(&mut client);
    assert!(head.contains("200 OK"), "{head}");
    client.bytes(1 << 20);
    let before = peak();
    let mut stream = client.stream().try_clone().unwrap();
    assert!(count_zeros(&mut stream, GIB - (1 << 20) - client.buffered() as u64).unwrap(), "zeros were sent");
    let downloaded = peak();
    assert!(downloaded - before < FLAT, "from {before} KiB to {downloaded} KiB for a download of 1 GiB");
    let mut client = server.client();
    client.send(format!("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {GIB}\r\n\r\n").as_bytes());
    zeros(&mut client.stream().try_clone().unwrap(), GIB).unwrap();
    assert_eq!(client.response().text(), "a GiB of zeros");
    let uploaded = peak();
    told::figure(format_args!(
        "peak memory after 1 MiB {before} KiB, after 1 GiB down {downloaded} KiB, after 1 GiB up {uploaded} KiB"
    ));
    assert!(uploaded - before < FLAT, "from {before} KiB to {uploaded} KiB for an upload of 1 GiB");
}

fn drain_head(client: &mut Client) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(client.bytes(1));
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn a_client_that_does_not_read_holds_its_origin_back() {
    // Without backpressure the server would take in the whole GiB.
    let origin = gib_origin();
    let server = Server::conf(&format!("Executors 1\nProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.bytes(1 << 20);
    let before = server.process().memory_kib("RssAnon:");
    // The server answers others while this one stalls, and has then had the time to read on.
    let mut other = server.client();
    other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    drain_head(&mut other);
    let mut stream = other.stream().try_clone().unwrap();
    count_zeros(&mut stream, GIB / 4).unwrap();
    let after = server.process().memory_kib("RssAnon:");
    assert!(
        after.saturating_sub(before) < FLAT || told::is_sanitized(),
        "from {before} KiB to {after} KiB beside a client that stalls"
    );
}
