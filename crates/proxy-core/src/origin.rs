//! Addresses that a configuration names: `http://host[:port][/path]`, parsed once, or as in httpd
//! `unix:PATH|http://host[:port][/path]` for who listens at a unix socket.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Where an endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address; never looked up.
    Ip(IpAddr),
    /// A name, in lower case; looked up when a connection is wanted.
    Name(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The scheme, host and port of an URL, and where it is if that does not follow from them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The host.
    pub host: Host,
    /// The port, 80 unless written.
    pub port: u16,
    /// The unix socket that is connected to, whatever host and port are; absolute.
    pub socket: Option<PathBuf>,
}

impl Origin {
    /// What a Host field names it: the port only where it is not 80.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == 80 { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Its URL as it may write it itself: scheme, host and port, always with the port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// What is connected to: `host:port`, or `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.socket {
            Some(path) => format!("unix:{}", path.display()),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

/// What a configuration calls it, normalised: no two origins are the same in it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.socket {
            write!(f, "unix:{}|", path.display())?;
        }
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

/// Why an URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not `http://`.
    #[error("'{0}' is not a http:// URL: write http://host[:port]")]
    Scheme(String),
    /// TLS to endpoints is not there yet.
    #[error("'{0}' asks for TLS, which this version does not speak: use http://")]
    Tls(String),
    /// `user@host`.
    #[error("'{0}' holds a user name: leave out everything up to the '@'")]
    UserInfo(String),
    /// No host, or letters that no host name has.
    #[error("'{0}' has no valid host name: write http://host[:port]")]
    Host(String),
    /// Not a number from 1 to 65535.
    #[error("'{0}' has no valid port: write a number from 1 to 65535")]
    Port(String),
    /// A query, fragment, blank or control character.
    #[error("'{0}' holds a character that an endpoint's URL may not have: leave out blanks, '?' and '#'")]
    Character(String),
    /// `unix:` without an absolute path and a `|`, or a path that no socket can have.
    #[error(
        "'{0}' has no valid path of a socket: write unix:/PATH|http://host[:port], at most 107 bytes of path"
    )]
    Socket(String),
}

/// Splits `http://host[:port][/path]`, with `unix:PATH|` in front or without, into the origin and the path, which is
/// empty or begins with `/`. Behind `unix:PATH|` an URL may be `http:` alone, as in httpd; the host is then localhost.
///
/// # Errors
/// What is wrong with it.
pub fn parse_url(url: &str) -> Result<(Origin, &str), UrlError> {
    let Some(rest) = strip_scheme(url, "unix:") else { return parse_http(url) };
    let (path, target) = rest.split_once('|').ok_or_else(|| UrlError::Socket(url.to_owned()))?;
    let path = check_socket(path).ok_or_else(|| UrlError::Socket(url.to_owned()))?;
    let target = if target.eq_ignore_ascii_case("http:") { "http://localhost" } else { target };
    let (origin, rest) = parse_http(target)?;
    Ok((Origin { socket: Some(path.to_owned()), ..origin }, rest))
}

fn strip_scheme<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let (start, rest) = url.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// What `sockaddr_un` has room for, with the NUL behind it (unix(7)).
fn check_socket(path: &str) -> Option<&Path> {
    const MOST: usize = 107;
    let fits =
        path.starts_with('/') && path.len() <= MOST && !path.bytes().any(|byte| byte.is_ascii_control());
    fits.then(|| Path::new(path))
}

fn parse_http(url: &str) -> Result<(Origin, &str), UrlError> {
    let whole = || url.to_owned();
    let Some((scheme, rest)) = url.split_once("://") else { return Err(UrlError::Scheme(whole())) };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => {}
        "https" | "wss" => return Err(UrlError::Tls(whole())),
        _ => return Err(UrlError::Scheme(whole())),
    }
    if rest.bytes().any(|byte| byte <= b' ' || byte >= 0x7f || matches!(byte, b'?' | b'#' | b'\\')) {
        return Err(UrlError::Character(whole()));
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    if authority.contains('@') {
        return Err(UrlError::UserInfo(whole()));
    }
    let (host, port) = split_port(authority).ok_or_else(|| UrlError::Host(whole()))?;
    let port = match port {
        None => 80,
        Some(port) => parse_port(port).ok_or_else(|| UrlError::Port(whole()))?,
    };
    let host = parse_host(host).ok_or_else(|| UrlError::Host(whole()))?;
    Ok((Origin { host, port, socket: None }, path))
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let end = authority.find(']')?;
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    Some(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}

fn parse_port(port: &str) -> Option<u16> {
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    port.parse().ok().filter(|port| *port != 0)
}

fn parse_host(host: &str) -> Option<Host> {
    if let Some(inner) = host.strip_prefix('[') {
        let ip: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(Host::Ip(IpAddr::V6(ip)));
    }
    if let Ok(ip) = host.parse() {
        return Some(Host::Ip(IpAddr::V4(ip)));
    }
    let labels_are_valid = host.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    });
    let looks_like_an_address = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (labels_are_valid && !looks_like_an_address && host.len() <= 253)
        .then(|| Host::Name(host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_split_and_normalised() {
        let cases = [
            ("http://app1:8080", "http://app1:8080", "app1:8080", ""),
            ("HTTP://App1", "http://app1:80", "app1", ""),
            ("http://127.0.0.1:81/x/y", "http://127.0.0.1:81", "127.0.0.1:81", "/x/y"),
            ("http://[::1]:81/", "http://[::1]:81", "[::1]:81", "/"),
            ("http://[::1]", "http://[::1]:80", "[::1]", ""),
            ("unix:/run/x.sock|http://App:81/y", "unix:/run/x.sock|http://app:81", "app:81", "/y"),
            ("UNIX:/run/x.sock|http:", "unix:/run/x.sock|http://localhost:80", "localhost", ""),
        ];
        for (url, normal, authority, path) in cases {
            let (origin, rest) = parse_url(url).unwrap();
            assert_eq!(
                (origin.to_string().as_str(), origin.authority().as_str(), rest),
                (normal, authority, path)
            );
        }
    }

    #[test]
    fn what_is_not_an_endpoint_is_refused() {
        type Wrong = fn(String) -> UrlError;
        let cases: [(&str, Wrong); 14] = [
            ("app1:8080", UrlError::Scheme),
            ("unix:/run/x.sock", UrlError::Socket),
            ("unix:run/x.sock|http://y", UrlError::Socket),
            ("unix:|http://y", UrlError::Socket),
            ("https://a", UrlError::Tls),
            ("http://u@a", UrlError::UserInfo),
            ("http://", UrlError::Host),
            ("http://a..b", UrlError::Host),
            ("http://300.1.1.1", UrlError::Host),
            ("http://[::1", UrlError::Host),
            ("http://a:0", UrlError::Port),
            ("http://a:+80", UrlError::Port),
            ("http://a:65536", UrlError::Port),
            ("http://a?b", UrlError::Character),
        ];
        for (url, error) in cases {
            assert_eq!(parse_url(url).unwrap_err(), error(url.to_owned()), "{url}");
        }
        let socket = |length: usize| format!("unix:/{}|http://y", "s".repeat(length - 1));
        assert!(parse_url(&socket(107)).is_ok());
        assert_eq!(parse_url(&socket(108)).unwrap_err(), UrlError::Socket(socket(108)));
        // What is behind the socket is looked at as it is without one.
        assert_eq!(parse_url("unix:/s|https://y").unwrap_err(), UrlError::Tls("https://y".to_owned()));
    }
}
