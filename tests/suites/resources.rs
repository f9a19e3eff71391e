//! What httpd's own hosts, files and scripts answer in its suites, by an origin of ours.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use crate::support::origin::{Origin, Seen, Then, read_body, read_head};

/// Bodies that were sent, by the path that they are at from now on.
type Files = Mutex<BTreeMap<String, Vec<u8>>>;

/// An origin with all that the rows ask for.
pub(super) fn origin() -> Origin {
    let files = Files::default();
    Origin::conversing(move |conn, mut stream, ledger| {
        while let Some(seen) = read(conn, &mut stream)? {
            ledger.record(seen.clone());
            if answer(&seen, &mut stream, &files)? == Then::Close {
                break;
            }
        }
        Ok(())
    })
}

/// The next request; a body that waits to be asked for is.
fn read(conn: usize, stream: &mut TcpStream) -> io::Result<Option<Seen>> {
    let mut raw = Vec::new();
    read_head(stream, &mut raw)?;
    let head = String::from_utf8_lossy(&raw).into_owned();
    let mut seen = Seen { conn, head, body: Vec::new(), raw };
    if seen.field("Expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let whole = read_body(stream, &mut seen)?;
    Ok(whole.then_some(seen))
}

fn answer(seen: &Seen, stream: &mut TcpStream, files: &Files) -> io::Result<Then> {
    let (raw, query) = seen.target().split_once('?').unwrap_or_else(|| (seen.target(), ""));
    let path = match local_path(raw, seen.field("Host") == Some("test2")) {
        Ok(path) => path,
        Err(status) => return say(stream, &reply(status, &[], b"")),
    };
    let own = seen.field("Host").unwrap_or_default();
    let bytes = match path.as_str() {
        "/" | "/index.html" => text("welcome to origin"),
        "/alive.json" => text(document(own)),
        "/foobar.html" => text("foobar"),
        "/apache/chunked/flushheap0.html" => text("bbbbbbbbbb"),
        "/apache/chunked/flush.html" => chunked([&[b'a'; 25][..], &[b'b'; 10]], ""),
        "/apache/limits/" | "/modules/" | "/006/006.css" | "/x%2f.test" | "/10%abnormal.txt" => text("here"),
        "/authz_core/a/b/c/index.html" | "/authz_core/a/b/d/index.html" => text("here"),
        "/servlet/mapping.html" => text("mapped"),
        "/hello.py" => text(seen.line().rsplit(' ').next().unwrap_or_default()),
        "/modules/cgi/env.pl" => text(&environment(seen, query)),
        "/modules/cgi/nph-102.pl" => INTERIM.to_vec(),
        "/modules/cgi/nph-foldhdr.pl" => FOLDED.to_vec(),
        "/modules/cgi/nph-dripfeed.pl" => return drip(stream, DRIP),
        "/dripfeed" => return drip(stream, WELL_FORMED_DRIP),
        "/uds/" => return say(stream, b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello world\n"),
        "/modules/lua/setheaderfromparam.lua" => {
            reply(200, &[(&parameter(query, "HeaderName"), &parameter(query, "HeaderValue"))], b"")
        }
        "/perm" => moved(own, "/alias"),
        "/modules" => moved(own, "/modules/"),
        "/modules/alias/redirect-me" => moved(own, "/modules/alias/5.html"),
        "/echo_post" | "/modules/cgi/perl_echo.pl" => reply(200, &[], &seen.body),
        "/eat_post" => text(&seen.body.len().to_string()),
        "/h1test/echo" => {
            let trailer = seen.field("Add-Trailer").map(|value| format!("h1test-add-trailer: {value}\r\n"));
            chunked(seen.body.chunks(100), &trailer.unwrap_or_default())
        }
        "/range-100" => ranged(seen.field("Range").unwrap_or_default()),
        "/random_chunk" => random_chunk(query),
        "/upload.py" => keep(seen, own, files),
        _ => files
            .lock()
            .unwrap()
            .get(&path)
            .map_or_else(|| reply(404, &[], b""), |body| reply(200, &[], body)),
    };
    stream.write_all(&bytes)?;
    Ok(Then::Keep)
}

/// As httpd finds a file: slashes merged, encodings decoded once; an encoded slash is a 404 unless it is allowed.
fn local_path(raw: &str, encoded_slashes: bool) -> Result<String, u16> {
    let mut merged = raw.to_owned();
    while merged.contains("//") {
        merged = merged.replace("//", "/");
    }
    if !encoded_slashes && merged.to_ascii_lowercase().contains("%2f") {
        return Err(404);
    }
    decoded(&merged).ok_or(400)
}

/// `None` where a `%` is not followed by two digits.
fn decoded(text: &str) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('%') {
        let byte = u8::from_str_radix(after.get(..2)?, 16).ok()?;
        out = out + before + &char::from(byte).to_string();
        rest = &after[2..];
    }
    Some(out + rest)
}

fn parameter(query: &str, name: &str) -> String {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).and_then(|(_, value)| decoded(value)).unwrap_or_default()
}

/// The document roots of httpd's hosts.
fn document(host: &str) -> &'static str {
    match host {
        "reverse" | "test1" => "test1",
        "forward" => "test2",
        _ if host.starts_with("uds-") => "faked",
        _ => "generic",
    }
}

/// What a CGI script is told.
fn environment(seen: &Seen, query: &str) -> String {
    let fields = seen.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    let fields: String = fields
        .map(|(name, value)| format!("HTTP_{} = {value}\n", name.to_ascii_uppercase().replace('-', "_")))
        .collect();
    format!("APACHE_TEST_HOSTNAME = origin\n{fields}QUERY_STRING = {query}\n")
}

fn keep(seen: &Seen, own: &str, files: &Files) -> Vec<u8> {
    let mut files = files.lock().unwrap();
    let path = format!("/files/{}", files.len());
    files.insert(path.clone(), seen.body.clone());
    reply(201, &[("Location", &format!("http://{own}{path}"))], b"")
}

/// The file of which ranges are asked for.
pub(super) const HUNDRED: &str = "01234567890123456789012345678901234567890123456789\
     01234567890123456789012345678901234567890123456789";

/// Of one range that lies within the file, that; nothing of ranges behind its end; all where none is asked for.
fn ranged(range: &str) -> Vec<u8> {
    let asked = range.strip_prefix("bytes=").and_then(|ranges| ranges.split(',').next()?.split_once('-'));
    let Some((Ok(first), last)) = asked.map(|(first, last)| (first.parse::<usize>(), last)) else {
        return text(HUNDRED);
    };
    let last = last.parse().unwrap_or(usize::MAX);
    match HUNDRED.get(first..last.saturating_add(1).min(HUNDRED.len())) {
        _ if last < first => text(HUNDRED),
        Some(part) if !part.is_empty() => {
            reply(206, &[("Content-Range", &format!("bytes {first}-{last}/100"))], part.as_bytes())
        }
        _ => reply(416, &[("Content-Range", "bytes */100")], b""),
    }
}

/// In chunks of all sizes if it is long.
fn random_chunk(query: &str) -> Vec<u8> {
    let length = query.split(',').nth(1).and_then(|digits| digits.parse().ok()).unwrap_or_default();
    let body = vec![b'x'; length];
    if length < 20_000 {
        return reply(200, &[], &body);
    }
    let (mut chunks, mut rest, mut size) = (Vec::new(), body.as_slice(), 1);
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at(size.min(rest.len()));
        chunks.push(chunk);
        (rest, size) = (left, size * 7 % 8191 + 1);
    }
    chunked(chunks, "")
}

fn text(body: &str) -> Vec<u8> {
    reply(200, &[], body.as_bytes())
}

fn moved(own: &str, path: &str) -> Vec<u8> {
    reply(301, &[("Location", &format!("http://{own}{path}"))], b"")
}

fn reply(status: u16, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn chunked<'c>(chunks: impl IntoIterator<Item = &'c [u8]>, trailers: &str) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in chunks {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    out
}

/// The last answer on its connection.
fn say(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Then> {
    stream.write_all(bytes)?;
    Ok(Then::Close)
}

/// Byte after byte, each in a packet of its own.
fn drip(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Then> {
    stream.set_nodelay(true)?;
    // An answer that is refused half-way ends the connection early.
    drop(bytes.iter().try_for_each(|byte| stream.write_all(&[*byte])));
    Ok(Then::Close)
}

const INTERIM: &[u8] = b"HTTP/1.1 102 Please Wait...\r\nHost: nph-102\r\n\r\n\
    HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\nthis is nph-stdout";

const FOLDED: &[u8] =
    b"HTTP/1.0 200 OK\r\nX-Foo-Bar-1:\r\n xxxxxxxxxx\r\nContent-type: \r\n  text/plain\r\n\r\nhello, world";

const DRIP: &[u8] =
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nabcde\r\n1; foo=bar\r\nf\r\n0\r\n\r\n";

const WELL_FORMED_DRIP: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nabcde\r\n1;foo=bar\r\nf\r\n0\r\n\r\n";
