//! Access log formats: httpd's percent codes, compiled once, run for each request without allocating.

use std::fmt::Write as _;
use std::io::Write as _;

use proxy_core::generation::Generation;
use proxy_http::transaction::Transaction;

use super::escape::{Escaping, escape_most};
use super::stamp::Stamp;

#[cfg(test)]
mod tests;

/// A compiled format.
#[derive(Debug, PartialEq)]
pub(crate) struct Format(Box<[Item]>);

/// What cannot be compiled, and where in the format.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown<'f> {
    /// As written, from the `%` on.
    pub(crate) code: &'f str,
    /// Its byte in the format.
    pub(crate) at: usize,
}

/// A request, in the two places where a line finds its facts.
pub(crate) struct Facts<'a> {
    pub(crate) transaction: &'a Transaction<'a>,
    pub(crate) stamp: &'a mut Stamp,
}

#[derive(Debug, PartialEq)]
enum Item {
    Text(Box<str>),
    /// What nobody knows here: `%l`, `%u`.
    Absent,
    ClientAddr,
    ClientPort,
    LocalAddr,
    LocalPort,
    Time,
    Line,
    Method,
    Path,
    Query,
    Protocol,
    ServerName,
    Status,
    /// Body bytes sent; whether 0 is written as `-`.
    Sent {
        dash: bool,
    },
    Elapsed(Unit),
    Pid,
    Field(Box<str>),
    BalancerName,
    /// httpd's name for an endpoint: its URL.
    WorkerName,
    Endpoint,
    Cluster,
    Tries,
    RequestId,
}

/// What a client chose takes so many bytes of a line at most, so that three of them leave room for the rest.
const LONGEST_VALUE: usize = 2 * 1024;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

impl Format {
    /// Compiles a format.
    ///
    /// # Errors
    /// The first code that is unknown.
    pub(crate) fn compile(format: &str) -> Result<Self, Unknown<'_>> {
        let mut items = Vec::new();
        let mut text = String::new();
        let mut rest = format;
        while let Some(percent) = rest.find('%') {
            text_of(&mut text, &rest[..percent]);
            let code = &rest[percent..];
            let unknown = |len| Unknown { code: &code[..len], at: format.len() - code.len() };
            let (len, item) = parse_code(code).map_err(unknown)?;
            match item {
                Item::Text(literal) => text.push_str(&literal),
                item => {
                    flush(&mut text, &mut items);
                    items.push(item);
                }
            }
            rest = &code[len..];
        }
        text_of(&mut text, rest);
        flush(&mut text, &mut items);
        Ok(Self(items.into()))
    }

    /// Appends the line for a request, without its end.
    pub(crate) fn run(&self, line: &mut Vec<u8>, facts: &mut Facts<'_>) {
        for item in &self.0 {
            item.run(line, facts);
        }
    }
}

fn flush(text: &mut String, items: &mut Vec<Item>) {
    if !text.is_empty() {
        items.push(Item::Text(std::mem::take(text).into()));
    }
}

/// Literal text; `\n` and `\t` mean what they do in httpd, any other backslash goes.
fn text_of(text: &mut String, written: &str) {
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        let meant = match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                other => other.unwrap_or('\\'),
            },
            c => c,
        };
        text.push(meant);
    }
}

/// The code at the beginning of `code`: its length and meaning, or how much of it to show as unknown.
fn parse_code(code: &str) -> Result<(usize, Item), usize> {
    let mut at = 1;
    // Original or final request: they are the same here.
    if code[at..].starts_with(['<', '>']) {
        at += 1;
    }
    let mut argument = None;
    if code[at..].starts_with('{') {
        let Some(close) = code[at..].find('}') else { return Err(code.len()) };
        argument = Some(&code[at + 1..at + close]);
        at += close + 1;
    }
    let Some(letter) = code[at..].chars().next() else { return Err(code.len()) };
    let end = at + letter.len_utf8();
    let item = match argument {
        None => plain(letter),
        Some(argument) => with_argument(argument, letter),
    };
    item.map(|item| (end, item)).ok_or(end)
}

fn plain(letter: char) -> Option<Item> {
    Some(match letter {
        '%' => Item::Text("%".into()),
        'a' | 'h' => Item::ClientAddr,
        'A' => Item::LocalAddr,
        'b' => Item::Sent { dash: true },
        'B' => Item::Sent { dash: false },
        'D' => Item::Elapsed(Unit::Microseconds),
        'H' => Item::Protocol,
        'l' | 'u' => Item::Absent,
        'm' => Item::Method,
        'p' => Item::LocalPort,
        'P' => Item::Pid,
        'q' => Item::Query,
        'r' => Item::Line,
        's' => Item::Status,
        't' => Item::Time,
        'T' => Item::Elapsed(Unit::Seconds),
        'U' => Item::Path,
        'v' | 'V' => Item::ServerName,
        _ => return None,
    })
}

fn with_argument(argument: &str, letter: char) -> Option<Item> {
    Some(match (letter, argument) {
        ('i', name) if !name.is_empty() => Item::Field(name.into()),
        ('e', "BALANCER_NAME") => Item::BalancerName,
        ('e', "BALANCER_WORKER_NAME") => Item::WorkerName,
        ('x', "endpoint") => Item::Endpoint,
        ('x', "cluster") => Item::Cluster,
        ('x', "tries") => Item::Tries,
        ('x', "id") => Item::RequestId,
        ('T', "s") => Item::Elapsed(Unit::Seconds),
        ('T', "ms") => Item::Elapsed(Unit::Milliseconds),
        ('T', "us") => Item::Elapsed(Unit::Microseconds),
        ('p', "local" | "canonical") => Item::LocalPort,
        ('p', "remote") => Item::ClientPort,
        _ => return None,
    })
}

impl Item {
    fn run(&self, line: &mut Vec<u8>, facts: &mut Facts<'_>) {
        let transaction = facts.transaction;
        let request = transaction.request.as_ref();
        match self {
            Self::Text(text) => line.extend_from_slice(text.as_bytes()),
            Self::Absent => line.push(b'-'),
            Self::ClientAddr => line.extend_from_slice(transaction.client_text.as_bytes()),
            Self::ClientPort => number(line, transaction.client.port()),
            // Writing to memory cannot fail.
            Self::LocalAddr => drop(write!(line, "{}", transaction.local.ip().to_canonical())),
            Self::LocalPort => number(line, transaction.local.port()),
            Self::Time => {
                line.push(b'[');
                line.extend_from_slice(facts.stamp.at(transaction.started).as_bytes());
                line.push(b']');
            }
            Self::Line => bytes(line, Some(transaction.line)),
            Self::Method => bytes(line, request.map(|request| request.method_name())),
            Self::Path => bytes(line, request.map(|request| request.path())),
            Self::Query => {
                if let Some(query) = request.and_then(|request| request.query()) {
                    line.push(b'?');
                    escape_most(line, query, LONGEST_VALUE);
                }
            }
            Self::Protocol => bytes(line, request.map(|request| protocol(request.version()))),
            Self::ServerName => bytes(line, server_name(transaction.generation, transaction.server)),
            Self::Status => number(line, transaction.status),
            Self::Sent { dash: true } if transaction.sent == 0 => line.push(b'-'),
            Self::Sent { .. } => number(line, transaction.sent),
            Self::Elapsed(Unit::Seconds) => number(line, transaction.elapsed.as_secs()),
            Self::Elapsed(Unit::Milliseconds) => number(line, transaction.elapsed.as_millis()),
            Self::Elapsed(Unit::Microseconds) => number(line, transaction.elapsed.as_micros()),
            Self::Pid => number(line, rustix::process::getpid().as_raw_nonzero().get()),
            Self::Field(name) => bytes(line, request.and_then(|request| request.field(name.as_bytes()))),
            Self::BalancerName => match cluster_name(transaction) {
                Some(name) => display(line, format_args!("balancer://{name}")),
                None => line.push(b'-'),
            },
            Self::WorkerName => match transaction.endpoint {
                Some(endpoint) => display(line, &endpoint.origin),
                None => line.push(b'-'),
            },
            Self::Endpoint => bytes(line, transaction.endpoint.map(|endpoint| endpoint.addr.as_bytes())),
            Self::Cluster => bytes(line, cluster_name(transaction).map(str::as_bytes)),
            Self::Tries => number(line, transaction.tries),
            Self::RequestId => number(line, transaction.id),
        }
    }
}

/// The cluster's name; none where a route to an URL made it, since nobody named it.
fn cluster_name<'a>(transaction: &Transaction<'a>) -> Option<&'a str> {
    transaction.cluster.map(|cluster| cluster.name.as_str()).filter(|name| !name.contains("://"))
}

fn server_name(generation: &Generation, server: usize) -> Option<&[u8]> {
    generation.conf().servers.get(server)?.name.as_deref().map(str::as_bytes)
}

const fn protocol(version: proxy_http::message::Version) -> &'static [u8] {
    match version {
        proxy_http::message::Version::Http10 => b"HTTP/1.0",
        proxy_http::message::Version::Http11 => b"HTTP/1.1",
    }
}

/// What a client may have chosen, escaped and shortened; `-` for nothing.
fn bytes(line: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None | Some(b"") => line.push(b'-'),
        Some(value) => escape_most(line, value, LONGEST_VALUE),
    }
}

fn display(line: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to memory cannot fail.
    let _ = write!(Escaping { line, quotes: true }, "{value}");
}

fn number(line: &mut Vec<u8>, value: impl itoa::Integer) {
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
