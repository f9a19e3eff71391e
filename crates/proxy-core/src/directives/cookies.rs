//! What an endpoint's cookies are for, in its own words and in those of the outside.

use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node, Word};

use super::arg;
use crate::conf::{CookieAttribute, CookieRule};
use crate::directive::{ANY_REQUEST, Directive};
use crate::lower::Lowering;

inventory::submit!(Directive::line(
    "ProxyPassReverseCookieDomain",
    ANY_REQUEST,
    Args::Take2,
    "renames the domain of cookies that an endpoint sets: its own and the public one",
    |lowering, node| rule(lowering, node, CookieAttribute::Domain)
));
inventory::submit!(Directive::line(
    "ProxyPassReverseCookiePath",
    ANY_REQUEST,
    Args::Take2,
    "renames the path of cookies that an endpoint sets, and of what lies below: its own and the public one",
    |lowering, node| rule(lowering, node, CookieAttribute::Path)
));

fn rule(lowering: &mut Lowering<'_>, node: &Node, attribute: CookieAttribute) -> Result<(), Diagnostic> {
    let (internal, public) = (arg(node, 0)?, arg(node, 1)?);
    let mut faults = [internal, public].into_iter().filter_map(|word| fault(word, attribute));
    if let Some(fault) = faults.next() {
        return Err(fault);
    }
    let rule = CookieRule { attribute, internal: internal.text.clone(), public: public.text.clone() };
    lowering.cookies().push(rule);
    Ok(())
}

/// What goes into a Set-Cookie field must not end an attribute there (RFC 6265 section 4.1.1).
fn fault(word: &Word, attribute: CookieAttribute) -> Option<Diagnostic> {
    let text = &word.text;
    let (fits, what) = match attribute {
        CookieAttribute::Domain => {
            let label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            (!text.is_empty() && text.bytes().all(label), "a domain of cookies: write a host name")
        }
        CookieAttribute::Path => {
            let plain = |byte: u8| byte > b' ' && byte < 0x7f && byte != b';';
            (text.starts_with('/') && text.bytes().all(plain), "a path of cookies: begin it with a slash")
        }
    };
    (!fits).then(|| Diagnostic::error(word.span, format!("`{text}` is not {what}")))
}
