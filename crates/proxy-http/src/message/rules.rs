//! The rules that the fields of a request must obey together, each with the status of its breach.

use proxy_core::path;

use super::field::{self, Connection, Fields};
use super::name::Name;
use super::request::{Body, Method};
use super::target::Target;
use super::{Fault, Limits, Reject, Version, authority};

impl Reject {
    pub(crate) const fn bad(reason: &'static str) -> Self {
        Self { status: 400, reason }
    }
}

impl From<Fault> for Reject {
    fn from(fault: Fault) -> Self {
        let status = match fault {
            Fault::Line => 414,
            Fault::Fields(_) => 431,
            Fault::Grammar(_) => 400,
        };
        Self { status, reason: fault.reason() }
    }
}

pub(crate) fn bad_path(error: path::PathError) -> Reject {
    use path::PathError;
    Reject::bad(match error {
        PathError::DotSegment => "path holds a dot segment",
        PathError::Encoding => "path holds a broken percent-encoding",
        PathError::Control => "path holds a control character",
        PathError::Byte => "path holds a byte that must be percent-encoded",
        PathError::Overlong => "path holds overlong UTF-8",
    })
}

pub(crate) fn check_method(kind: Method, method: &[u8], body: Body, limits: &Limits) -> Result<(), Reject> {
    match kind {
        Method::Connect | Method::Trace if !body.is_empty() => {
            Err(Reject::bad("CONNECT or TRACE with a body"))
        }
        Method::Connect => Err(Reject { status: 405, reason: "CONNECT is not allowed" }),
        Method::Trace => Err(Reject { status: 405, reason: "TRACE is not allowed" }),
        Method::Other if method.len() > limits.method => {
            Err(Reject { status: 501, reason: "method is too long" })
        }
        // `get` is not GET, and an endpoint might think it is.
        Method::Other if method.iter().any(u8::is_ascii_lowercase) => {
            Err(Reject { status: 501, reason: "method holds lower-case letters" })
        }
        _ => Ok(()),
    }
}

pub(crate) fn body(fields: &Fields, head: &[u8], version: Version) -> Result<Body, Reject> {
    let length = fields
        .only_value(head, Name::ContentLength)
        .map_err(|()| Reject::bad("more than one Content-Length"))?;
    let coding = fields
        .only_value(head, Name::TransferEncoding)
        .map_err(|()| Reject::bad("more than one Transfer-Encoding"))?;
    match (length, coding) {
        (Some(_), Some(_)) => Err(Reject::bad("both Content-Length and Transfer-Encoding")),
        (None, Some(_)) if version == Version::Http10 => Err(Reject::bad("Transfer-Encoding in HTTP/1.0")),
        (None, Some(coding)) => transfer_coding(coding),
        (Some(length), None) => field::content_length(length)
            .map(Body::Length)
            .ok_or(Reject::bad("Content-Length is not a number up to 2^63 - 1")),
        (None, None) => Ok(Body::None),
    }
}

/// RFC 9112 section 6.1: a coding that we know of but do not undo is a 501, all else is an attempt to disagree.
fn transfer_coding(value: &[u8]) -> Result<Body, Reject> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(Body::Chunked);
    }
    let mut codings = value.split(|byte| *byte == b',').map(field::trim);
    let known = |coding: &[u8]| {
        [&b"gzip"[..], b"x-gzip", b"deflate", b"compress", b"x-compress"]
            .iter()
            .any(|known| coding.eq_ignore_ascii_case(known))
    };
    if codings.next_back().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_some_and(known)
        && codings.all(known)
    {
        return Err(Reject { status: 501, reason: "transfer coding other than chunked" });
    }
    Err(Reject::bad("Transfer-Encoding is not chunked"))
}

/// The authority that the request is for, and how many bytes of it are the host.
pub(crate) fn host<'b>(
    fields: &Fields,
    head: &'b [u8],
    target: &Target<'b>,
    version: Version,
    known: &mut authority::Known,
) -> Result<Option<(&'b [u8], usize)>, Reject> {
    let host = fields.only(Name::Host).map_err(|()| Reject::bad("more than one Host"))?;
    let authority = match (host, version) {
        (Some(host), _) => host.value.of(head),
        (None, Version::Http11) => return Err(Reject::bad("no Host")),
        (None, Version::Http10) => match target.authority {
            Some(authority) => authority,
            None => return Ok(None),
        },
    };
    let name = known.check(authority).map_err(Reject::bad)?;
    if host.is_some_and(|field| field.value.start - field.name.end > 2) {
        return Err(Reject::bad("more than one blank before the value of Host"));
    }
    match target.authority {
        Some(other) if !other.eq_ignore_ascii_case(authority) => {
            Err(Reject::bad("Host differs from the host of the target"))
        }
        _ => Ok(Some((authority, name))),
    }
}

pub(crate) fn keep_alive(connection: Connection, version: Version) -> bool {
    !connection.close && (version == Version::Http11 || connection.keep_alive)
}

pub(crate) fn expects_continue(fields: &Fields, head: &[u8]) -> Result<bool, Reject> {
    match fields.only_value(head, Name::Expect) {
        Ok(None) => Ok(false),
        Ok(Some(value)) if value.eq_ignore_ascii_case(b"100-continue") => Ok(true),
        _ => Err(Reject { status: 417, reason: "Expect is not one 100-continue" }),
    }
}

/// RFC 9110 section 7.6.2; of the two methods it is for, TRACE does not come this far.
pub(crate) fn max_forwards(fields: &Fields, head: &[u8], method: Method) -> Result<Option<u32>, Reject> {
    const BAD: Reject = Reject::bad("Max-Forwards is not one number");
    if method != Method::Options {
        return Ok(None);
    }
    let Some(value) = fields.only_value(head, Name::MaxForwards).map_err(|()| BAD)? else {
        return Ok(None);
    };
    let hops = field::content_length(value).ok_or(BAD)?;
    Ok(Some(u32::try_from(hops).unwrap_or(u32::MAX)))
}
