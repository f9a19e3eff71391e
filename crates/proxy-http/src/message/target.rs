//! The four forms of a request target (RFC 9112 section 3.2) and what each of them holds.

use super::authority;
use super::request::Method;

/// A target taken apart; every part is a subslice of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'b> {
    /// Host and port of an absolute target.
    pub(crate) authority: Option<&'b [u8]>,
    /// From the first `/`, without the query; `*`; or empty where an absolute target has no path.
    pub(crate) path: &'b [u8],
    /// What follows the `?`.
    pub(crate) query: Option<&'b [u8]>,
}

/// Takes a target apart, or says why it is none.
pub(crate) fn parse(method: Method, target: &[u8]) -> Result<Target<'_>, &'static str> {
    if !target.iter().all(|byte| ALLOWED[*byte as usize]) {
        return Err("target holds a byte that a URI may not");
    }
    if method == Method::Connect {
        // Refused in any case; what matters is whether with 400 or 405.
        authority::check(target)?;
        return Ok(Target { authority: None, path: b"", query: None });
    }
    match target {
        [b'/', ..] => origin_form(None, target),
        b"*" if method == Method::Options => Ok(Target { authority: None, path: target, query: None }),
        _ => absolute_form(target),
    }
}

/// RFC 3986, and the five bytes `^`, backtick, `{`, `|`, `}` that browsers send plain; never `"`, `#`, `<`, `>`, `\`.
const ALLOWED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = !matches!(byte as u8, b'"' | b'#' | b'<' | b'>' | b'\\');
        byte += 1;
    }
    table
};

fn origin_form<'b>(authority: Option<&'b [u8]>, text: &'b [u8]) -> Result<Target<'b>, &'static str> {
    // Taken for an authority by whoever resolves it against a base.
    if text.starts_with(b"//") {
        return Err("target begins with two slashes");
    }
    let (path, query) = match text.iter().position(|byte| *byte == b'?') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    Ok(Target { authority, path, query })
}

fn absolute_form(target: &[u8]) -> Result<Target<'_>, &'static str> {
    const SCHEME: &[u8] = b"http://";
    let (scheme, rest) =
        target.split_at_checked(SCHEME.len()).ok_or("target is of no form that fits the method")?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err("target is neither a path nor a URI of scheme http");
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    authority::check(authority)?;
    origin_form(Some(authority), path)
}
