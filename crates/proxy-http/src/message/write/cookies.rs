//! ProxyPassReverseCookieDomain and ProxyPassReverseCookiePath: the Set-Cookie field of an endpoint, whose attributes
//! say for which hosts and paths a cookie is, renamed for the client.
//!
//! As in httpd's `ap_proxy_cookie_reverse_map` the first rule that fits an attribute counts. Unlike there, the
//! cookie's own name and value are no attribute, whatever its name is; a domain is renamed as a whole; and what
//! follows the part of a path that was renamed stays.

use proxy_core::conf::{CookieAttribute, CookieRule};

use super::super::field::trim;
use super::extend;
use super::reverse::join;

/// Appends the value of a Set-Cookie field, its attributes renamed.
pub(super) fn write(out: &mut Vec<u8>, value: &[u8], rules: &[CookieRule]) {
    let mut parts = value.split(|byte| *byte == b';');
    out.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        out.push(b';');
        match renamed(part, rules) {
            Some(pieces) => extend(out, &pieces),
            None => out.extend_from_slice(part),
        }
    }
}

/// The pieces of one `name=value` behind a semicolon: what stands before its value, the new one, a slash where one is
/// wanted, and what is left of the old one. Nothing if no rule is about it.
fn renamed<'v>(part: &'v [u8], rules: &'v [CookieRule]) -> Option<[&'v [u8]; 4]> {
    let (before, value) = part.split_at(1 + part.iter().position(|byte| *byte == b'=')?);
    let (name, value) = (trim(&before[..before.len() - 1]), trim(value));
    rules.iter().find_map(|rule| {
        let internal = rule.internal.as_bytes();
        let rest = match rule.attribute {
            CookieAttribute::Domain if name.eq_ignore_ascii_case(b"domain") => same(value, internal),
            CookieAttribute::Path if name.eq_ignore_ascii_case(b"path") => below(value, internal),
            _ => None,
        }?;
        let public = rule.public.as_bytes();
        let (joint, rest) = join(public, rest);
        Some([before, public, joint, rest])
    })
}

/// Nothing is left of a domain. A dot in front of one means nothing (RFC 6265 section 5.2.3).
fn same<'v>(value: &'v [u8], internal: &[u8]) -> Option<&'v [u8]> {
    let [value, internal] = [value, internal].map(|domain| domain.strip_prefix(b".").unwrap_or(domain));
    value.eq_ignore_ascii_case(internal).then_some(b"")
}

/// What is left of a path: its segments behind the last that is renamed.
fn below<'v>(value: &'v [u8], internal: &[u8]) -> Option<&'v [u8]> {
    let rest = value.strip_prefix(internal)?;
    (rest.is_empty() || rest[0] == b'/' || internal.ends_with(b"/")).then_some(rest)
}
