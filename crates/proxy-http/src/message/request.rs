//! Request heads: the index of one, and the facts that decide how the request is framed, routed and sent on.

use proxy_core::path;

use super::field::{Field, Fields, Span};
use super::lines::{self, RequestLine};
use super::name::Name;
use super::{Fault, Limits, Parsed, Reject, Version, authority, rules, target};

/// The methods whose meaning matters here (RFC 9110 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is the method of its name")]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    /// Never in a complete head: refused with 405.
    Connect,
    /// Never in a complete head: refused with 405.
    Trace,
    /// Any other token; sent on as it is.
    Other,
}

impl Method {
    fn of(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Whether doing it twice is the same as once (RFC 9110 section 9.2.2), so that a repeat is allowed.
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options)
    }

    /// Whether a body with it is unusual enough that an endpoint might not read it.
    const fn expects_no_body(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Delete | Self::Options | Self::Connect | Self::Trace)
    }
}

/// How the end of a request body is found (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// There is none, and no field announces one.
    #[default]
    None,
    /// So many bytes; 0 is possible.
    Length(u64),
    /// Chunks, then perhaps trailers.
    Chunked,
}

impl Body {
    /// Whether no byte of content follows the head.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// The index of a request head; belongs to a connection and is used again for each of its requests.
#[derive(Debug, Default)]
pub struct RequestHead {
    line: RequestLine,
    fields: Fields,
    /// The canonical path where it differs from the path as sent; else of no meaning.
    respelt: Vec<u8>,
    known: authority::Known,
    facts: Facts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    method: Method,
    method_at: Span,
    target: Span,
    path: Span,
    query: Option<Span>,
    host: Option<Span>,
    /// Bytes of the host that are not its port.
    host_name: usize,
    version: Version,
    body: Body,
    keep_alive: bool,
    expect_continue: bool,
    websocket: bool,
    te_trailers: bool,
    respelt: bool,
    max_forwards: Option<u32>,
}

impl RequestHead {
    /// Parses the head at the beginning of `bytes`; one CRLF left over from the request before is skipped
    /// (RFC 9112 section 2.2) and counted into the length.
    ///
    /// Call it again with the same and more bytes after [`Parsed::Partial`], and [`RequestHead::clear`] when a
    /// head is given up half-way. How the bytes arrived makes no difference to whether a head is accepted, and as what.
    ///
    /// # Errors
    /// See [`Reject`]. The connection is closed after the answer.
    pub fn parse(&mut self, bytes: &[u8], limits: &Limits) -> Result<Parsed, Reject> {
        // Offsets are 32 bits wide, and nothing beyond the limit is ever looked at.
        let window = &bytes[..bytes.len().min(limits.head).min(u32::MAX as usize)];
        let outcome = match self.read(window, limits) {
            Ok(None) if window.len() >= limits.head => Err(Fault::Fields("head is too long").into()),
            Ok(None) => return Ok(Parsed::Partial),
            Ok(Some(len)) => self.conclude(&window[..len], limits).map(|()| Parsed::Complete(len)),
            Err(reject) => Err(reject),
        };
        self.fields.end();
        outcome
    }

    /// Forgets a head that will not be completed.
    pub fn clear(&mut self) {
        self.fields.clear();
    }

    /// The request, read from the bytes that [`RequestHead::parse`] found complete.
    #[must_use]
    pub fn view<'b>(&'b self, bytes: &'b [u8]) -> Request<'b> {
        Request { head: self, bytes }
    }

    /// Reads the lines that were not read before; gives the length of a head that is whole.
    fn read(&mut self, window: &[u8], limits: &Limits) -> Result<Option<usize>, Reject> {
        if !self.fields.has_begun() {
            let Some(first) = skip_empty_line(window)? else { return Ok(None) };
            let start = &window[..window.len().min(first + limits.line + 2)];
            match lines::request_line(start, first)? {
                None if lines::is_over(&start[first..], limits.line) => return Err(Fault::Line.into()),
                None => return Ok(None),
                Some(line) => self.line = line,
            }
            self.fields.begin(self.line.end);
        }
        Ok(self.fields.read(window, limits)?)
    }

    /// Draws the facts from the tokens; what is a 400 goes before what is merely not done here.
    fn conclude(&mut self, head: &[u8], limits: &Limits) -> Result<(), Reject> {
        let RequestLine { method: method_at, target: target_at, version, .. } = self.line;
        let (method, target) = (method_at.of(head), target_at.of(head));
        let kind = Method::of(method);
        let parts = target::parse(kind, target).map_err(Reject::bad)?;
        let connection = self.fields.connection(head)?;
        let body = rules::body(&self.fields, head, version)?;
        let host = rules::host(&self.fields, head, &parts, version, &mut self.known)?;
        let path = path::canonical(parts.path, &mut self.respelt).map_err(rules::bad_path)?;
        // The same bytes elsewhere would be the same path, but there are none: what is canonical is borrowed.
        let respelt = !std::ptr::eq(path, parts.path);
        rules::check_method(kind, method, body, limits)?;
        let expect_continue = rules::expects_continue(&self.fields, head)? && version == Version::Http11;
        self.facts = Facts {
            method: kind,
            method_at,
            target: target_at,
            path: Span::within(head, parts.path),
            query: parts.query.map(|query| Span::within(head, query)),
            host: host.map(|(host, _)| Span::within(head, host)),
            host_name: host.map_or(0, |(_, name)| name),
            version,
            body,
            keep_alive: rules::keep_alive(connection, version),
            expect_continue: expect_continue && !body.is_empty(),
            websocket: connection.upgrade
                && version == Version::Http11
                && kind == Method::Get
                && body.is_empty()
                && self.fields.names(head, Name::Upgrade, b"websocket"),
            te_trailers: version == Version::Http11 && self.fields.names(head, Name::Te, b"trailers"),
            respelt,
            max_forwards: rules::max_forwards(&self.fields, head, kind)?,
        };
        Ok(())
    }
}

/// A parsed request: facts, and views into the bytes of its head.
#[derive(Debug, Clone, Copy)]
pub struct Request<'b> {
    head: &'b RequestHead,
    bytes: &'b [u8],
}

impl<'b> Request<'b> {
    /// The method as a kind; see [`Request::method_name`] for its bytes.
    #[must_use]
    pub fn method(&self) -> Method {
        self.head.facts.method
    }

    /// The request line without its end.
    #[must_use]
    pub fn line(&self) -> &'b [u8] {
        let RequestLine { method, end, .. } = self.head.line;
        Span::new(method.start as usize, end.saturating_sub(2)).of(self.bytes)
    }

    /// The method as sent.
    #[must_use]
    pub fn method_name(&self) -> &'b [u8] {
        self.head.facts.method_at.of(self.bytes)
    }

    /// The target as sent, in whatever form: what httpd calls the unparsed URI.
    #[must_use]
    pub fn target(&self) -> &'b [u8] {
        self.head.facts.target.of(self.bytes)
    }

    /// The path as sent, without its query; `/` where an absolute target has none, `*` for `OPTIONS *`.
    #[must_use]
    pub fn path(&self) -> &'b [u8] {
        match self.head.facts.path.of(self.bytes) {
            [] if self.head.facts.method == Method::Options && self.query().is_none() => b"*",
            [] => b"/",
            path => path,
        }
    }

    /// The path in the form that routes and access rules are matched with ([`proxy_core::path`]).
    #[must_use]
    pub fn canonical_path(&self) -> &'b [u8] {
        if self.head.facts.respelt { &self.head.respelt } else { self.path() }
    }

    /// What follows the first `?` of the target.
    #[must_use]
    pub fn query(&self) -> Option<&'b [u8]> {
        self.head.facts.query.map(|span| span.of(self.bytes))
    }

    /// The version that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.facts.version
    }

    /// Host and port as the client gave them; none only in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> Option<&'b [u8]> {
        self.head.facts.host.map(|span| span.of(self.bytes))
    }

    /// The host without its port, in the client's spelling; an IPv6 address keeps its brackets.
    #[must_use]
    pub fn host_name(&self) -> Option<&'b [u8]> {
        self.host().and_then(|host| host.get(..self.head.facts.host_name))
    }

    /// How the end of the body is found.
    #[must_use]
    pub fn body(&self) -> Body {
        self.head.facts.body
    }

    /// Whether the request has a body that an endpoint might not expect (GET, HEAD, DELETE, OPTIONS): what is
    /// left unread would be taken for the next request, so its connection is closed afterwards.
    #[must_use]
    pub fn body_is_unusual(&self) -> bool {
        self.method().expects_no_body() && !self.body().is_empty()
    }

    /// Whether the client wants the connection kept.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.head.facts.keep_alive
    }

    /// Whether the client waits for a 100 before it sends its body.
    #[must_use]
    pub fn expect_continue(&self) -> bool {
        self.head.facts.expect_continue
    }

    /// Whether the client asks to change to WebSocket, the only protocol that is tunnelled. Other offers are
    /// removed in silence.
    #[must_use]
    pub fn wants_websocket(&self) -> bool {
        self.head.facts.websocket
    }

    /// Whether the client said that it takes trailers.
    #[must_use]
    pub fn te_trailers(&self) -> bool {
        self.head.facts.te_trailers
    }

    /// `Max-Forwards` of an OPTIONS request; 0 means that the answer is ours to give.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u32> {
        self.head.facts.max_forwards
    }

    /// All fields in order, as name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'b> {
        let bytes = self.bytes;
        self.head.fields.list().iter().map(move |field| (field.name.of(bytes), field.value.of(bytes)))
    }

    /// The value of the first field of this name, in any case.
    #[must_use]
    pub fn field(&self, name: &[u8]) -> Option<&'b [u8]> {
        self.fields().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn index(&self) -> &'b [Field] {
        self.head.fields.list()
    }

    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }
}

/// Gives the offset of the request line; none when only half of an empty line is there.
fn skip_empty_line(window: &[u8]) -> Result<Option<usize>, Reject> {
    const EMPTY: Reject = Reject::bad("empty lines before the request line");
    match window {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', b'\r' | b'\n', ..] => Err(EMPTY),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        [b'\r' | b'\n', ..] => Err(EMPTY),
        _ => Ok(Some(0)),
    }
}
