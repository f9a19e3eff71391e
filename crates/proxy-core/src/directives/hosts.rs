//! Which server a request is for: ServerName, ServerAlias, and the sections `<VirtualHost>` and `<Location>`.

use proxy_abi::scopes;
use proxy_config::args::{Args, parse_flag};
use proxy_config::{Diagnostic, Node, Word};

use super::arg;
use crate::conf::{Location, ProxyOverrides, VirtualAddr};
use crate::directive::{Directive, GLOBAL, HOSTS};
use crate::lower::Lowering;
use crate::path::canonical;

inventory::submit!(Directive::line(
    "ServerName",
    HOSTS,
    Args::Take1,
    "the host name that this server answers for",
    server_name
));
inventory::submit!(Directive::line(
    "ServerAlias",
    scopes::VHOST,
    Args::Iterate,
    "further host names, with * and ? as wildcards",
    server_alias
));
inventory::submit!(Directive::line(
    "StrictHostCheck",
    GLOBAL,
    Args::Flag,
    "whether a request for a host that is no server's name or alias gets 400; Off by default, then the first server \
     takes it",
    strict_host_check
));
inventory::submit!(Directive::section(
    "VirtualHost",
    GLOBAL,
    Args::Iterate,
    "a server of its own for some addresses or host names",
    virtual_host
));
inventory::submit!(Directive::section(
    "Location",
    HOSTS,
    Args::Take1,
    "settings for the paths below one path",
    location
));

fn server_name(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let text = word.text.split_once("://").map_or(word.text.as_str(), |(_, rest)| rest);
    let name = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => {
            port.parse::<u16>().map_err(|_| not_a_name(word))?;
            name
        }
        _ => text,
    };
    lowering.server().name = Some(host_name(name, false).ok_or_else(|| not_a_name(word))?);
    Ok(())
}

fn server_alias(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    for word in &node.args {
        let alias = host_name(&word.text, true).ok_or_else(|| not_a_name(word))?;
        lowering.server().aliases.push(alias);
    }
    Ok(())
}

fn strict_host_check(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.conf.strict_hosts = parse_flag(arg(node, 0)?)?;
    Ok(())
}

fn not_a_name(word: &Word) -> Diagnostic {
    Diagnostic::error(word.span, format!("`{}` is not a host name", word.text))
}

/// A name as a Host field may hold one, in lower case, without a dot at its end.
fn host_name(name: &str, wildcards: bool) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.')
            || (wildcards && matches!(byte, b'*' | b'?'))
    };
    let is_address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|inner| {
        let address: Result<std::net::Ipv6Addr, _> = inner.parse();
        address.is_ok()
    });
    let is_name = !name.is_empty() && name.len() <= 255 && name.bytes().all(fits);
    (is_name || is_address).then(|| name.to_ascii_lowercase())
}

fn virtual_host(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let mut addrs = Vec::new();
    for word in &node.args {
        match virtual_addr(&word.text) {
            Some(addr) => addrs.push(addr),
            None => lowering.report(
                Diagnostic::error(word.span, format!("`{}` is not an address of a virtual host", word.text))
                    .with_help("write *:port, ip:port or [ip]:port; for a host name use ServerName inside"),
            ),
        }
    }
    lowering.enter_host(node, addrs);
    Ok(())
}

fn virtual_addr(text: &str) -> Option<VirtualAddr> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port),
        _ => (text, "*"),
    };
    let port = match port {
        "*" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    let ip = match host {
        "*" | "_default_" => None,
        _ if host.starts_with('[') => {
            let inner: std::net::Ipv6Addr = host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
            Some(inner.into())
        }
        _ => Some(host.parse().ok().filter(std::net::IpAddr::is_ipv4)?),
    };
    Some(VirtualAddr { ip, port })
}

fn location(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let path = match prefix(arg(node, 0)?) {
        Ok(path) => path,
        Err(diagnostic) => {
            // Its body is read all the same, for its own errors.
            lowering.report(diagnostic);
            b"/".to_vec()
        }
    };
    let location = Location {
        path,
        proxy: ProxyOverrides::default(),
        mappings: Vec::new(),
        reverse: Vec::new(),
        cookies: Vec::new(),
        span: node.span(),
    };
    lowering.enter_location(node, location);
    Ok(())
}

/// A path that requests are compared with, in canonical form.
pub(super) fn prefix(word: &Word) -> Result<Vec<u8>, Diagnostic> {
    if !word.text.starts_with('/') {
        let message = format!("`{}` is not a path: it begins without a slash", word.text);
        return Err(Diagnostic::error(word.span, message));
    }
    if word.text.contains(['?', '#']) {
        let message = format!("`{}` is not a path: queries and fragments are not compared", word.text);
        return Err(Diagnostic::error(word.span, message));
    }
    let mut scratch = Vec::new();
    match canonical(word.text.as_bytes(), &mut scratch) {
        Ok(path) => Ok(path.to_vec()),
        Err(error) => {
            let message = format!("`{}` can match no request: {error}", word.text);
            Err(Diagnostic::error(word.span, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_hosts_have_addresses_and_wildcards() {
        for (text, expected) in [
            ("*", Some((None, None))),
            ("*:80", Some((None, Some(80)))),
            ("_default_:80", Some((None, Some(80)))),
            ("127.0.0.1", Some((Some("127.0.0.1"), None))),
            ("127.0.0.1:*", Some((Some("127.0.0.1"), None))),
            ("127.0.0.1:80", Some((Some("127.0.0.1"), Some(80)))),
            ("[::1]", Some((Some("::1"), None))),
            ("[::1]:80", Some((Some("::1"), Some(80)))),
            ("::1", None),
            ("example.com:80", None),
            ("*:http", None),
            ("*:+80", None),
            ("", None),
        ] {
            let expected =
                expected.map(|(ip, port)| VirtualAddr { ip: ip.map(|ip| ip.parse().unwrap()), port });
            assert_eq!(virtual_addr(text), expected, "{text}");
        }
    }
}
