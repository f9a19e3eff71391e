//! The process and its addresses: Listen, Executors, PidFile, AdminSocket, GracefulShutdownTimeout.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use proxy_config::args::{Args, Unit, parse_duration};
use proxy_config::{Diagnostic, Node, Word};

use super::{arg, number};
use crate::conf::Listen;
use crate::directive::{Directive, GLOBAL};
use crate::lower::Lowering;

inventory::submit!(Directive::line(
    "Listen",
    GLOBAL,
    Args::Take1,
    "an address to listen at: port, ip:port, [ip]:port or *:port",
    listen
));
inventory::submit!(Directive::line(
    "Executors",
    GLOBAL,
    Args::Take1,
    "how many threads serve, 1 to 1024; by default one a core",
    executors
));
inventory::submit!(Directive::line(
    "PidFile",
    GLOBAL,
    Args::Take1,
    "the file that holds the server's process id",
    pid_file
));
inventory::submit!(Directive::line(
    "AdminSocket",
    GLOBAL,
    Args::Take1,
    "the unix socket that answers questions about the running server, for its user alone",
    admin_socket
));
inventory::submit!(Directive::line(
    "GracefulShutdownTimeout",
    GLOBAL,
    Args::Take1,
    "how long a graceful stop waits for requests, in seconds unless a unit is given",
    shutdown_timeout
));

fn listen(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let addr = listen_addr(&word.text).ok_or_else(|| {
        Diagnostic::error(word.span, format!("`{}` is not an address to listen at", word.text))
            .with_help("write a port, ip:port, [ip]:port or *:port; names are not looked up")
    })?;
    let span = Some(node.span());
    let taken = lowering.conf.listen.iter().find(|other| overlap(other.addr, addr));
    if let Some(other) = taken {
        let message = if other.addr == addr {
            format!("{addr} is listened at already")
        } else {
            format!("{addr} and {} overlap: one of them is enough", other.addr)
        };
        let mut diagnostic = Diagnostic::error(word.span, message);
        if let Some(first) = other.span {
            diagnostic = diagnostic.with_note(first, "the first is here");
        }
        return Err(diagnostic);
    }
    lowering.conf.listen.push(Listen { addr, span });
    Ok(())
}

/// A port alone, or behind `*`, is that of all IPv4 addresses.
fn listen_addr(text: &str) -> Option<SocketAddr> {
    if let Ok(addr) = text.parse() {
        return Some(addr);
    }
    let port = text.strip_prefix("*:").unwrap_or(text);
    let digits_only = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits_only)?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))
}

/// Whether binding both must fail. Port 0 is another port each time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let ips = a.ip() == b.ip()
        || (a.is_ipv4() == b.is_ipv4() && (a.ip().is_unspecified() || b.ip().is_unspecified()));
    a.port() != 0 && a.port() == b.port() && ips
}

fn executors(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.conf.executors = Some(number(arg(node, 0)?, 1, 1024)? as usize);
    Ok(())
}

fn pid_file(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.conf.pid_file = Some(path(lowering, arg(node, 0)?)?);
    Ok(())
}

fn admin_socket(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.conf.admin_socket = Some(path(lowering, arg(node, 0)?)?);
    Ok(())
}

/// A path, relative ones from ServerRoot.
pub(super) fn path(lowering: &Lowering<'_>, word: &Word) -> Result<PathBuf, Diagnostic> {
    if word.text.trim().is_empty() {
        return Err(Diagnostic::error(word.span, "the path is empty"));
    }
    Ok(lowering.conf.server_root.join(&word.text))
}

fn shutdown_timeout(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.conf.shutdown_timeout = at_least(arg(node, 0)?, Duration::from_secs(1), "1s")?;
    Ok(())
}

/// A duration, in seconds unless it has a unit, of no less than `least`.
pub(super) fn at_least(word: &Word, least: Duration, least_text: &str) -> Result<Duration, Diagnostic> {
    let duration = parse_duration(word, Unit::Seconds)?;
    if duration < least {
        return Err(Diagnostic::error(word.span, format!("`{}` is less than {least_text}", word.text)));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_five_forms() {
        for (text, expected) in [
            ("8080", Some("0.0.0.0:8080")),
            ("*:8080", Some("0.0.0.0:8080")),
            ("127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("[::1]:8080", Some("[::1]:8080")),
            ("127.0.0.1:0", Some("127.0.0.1:0")),
            ("localhost:80", None),
            ("127.0.0.1", None),
            ("::1:80", None),
            ("65536", None),
            ("+80", None),
            ("*:", None),
            ("", None),
        ] {
            assert_eq!(listen_addr(text), expected.map(|addr| addr.parse().unwrap()), "{text}");
        }
    }
}
