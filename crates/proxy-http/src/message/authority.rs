//! The grammar of `Host` and of the authority of a target: one host, perhaps a port, and nothing that two
//! readers could see differently.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest authority, in bytes: that of a DNS name.
const MAX: usize = 255;

/// Checks `host[:port]` and gives the length of the host part.
///
/// Narrower than RFC 3986 section 3.2.2: a name is letters, digits, `-`, `_` and single dots, so that no
/// userinfo, list, percent-encoding or trailing dot passes; a name that ends in a number is an IPv4 address of four
/// decimal parts (the URL Standard's "ends in a number", without its other spellings); a port is 1 to 65535.
pub(crate) fn check(authority: &[u8]) -> Result<usize, &'static str> {
    if authority.len() > MAX {
        return Err("Host is longer than 255 bytes");
    }
    let host = if authority.first() == Some(&b'[') { bracketed(authority)? } else { named(authority)? };
    match &authority[host..] {
        [] => Ok(host),
        [b':', port @ ..] if is_port(port) => Ok(host),
        _ => Err("port of Host is not a number from 1 to 65535"),
    }
}

/// The authority that was found right last: a client says the same one with each of its requests.
#[derive(Debug, Default)]
pub(super) struct Known {
    text: Vec<u8>,
    host: usize,
}

impl Known {
    /// As [`check`].
    pub(super) fn check(&mut self, authority: &[u8]) -> Result<usize, &'static str> {
        if self.text.is_empty() || self.text != authority {
            self.host = check(authority)?;
            self.text.clear();
            self.text.extend_from_slice(authority);
        }
        Ok(self.host)
    }
}

fn bracketed(authority: &[u8]) -> Result<usize, &'static str> {
    let close = authority.iter().position(|byte| *byte == b']').ok_or("Host has an open bracket")?;
    let address = std::str::from_utf8(&authority[1..close]).unwrap_or_default();
    match address.parse::<Ipv6Addr>() {
        Ok(_) => Ok(close + 1),
        Err(_) => Err("Host holds no IPv6 address between its brackets"),
    }
}

fn named(authority: &[u8]) -> Result<usize, &'static str> {
    const EMPTY: Result<usize, &str> = Err("Host is empty or has an empty label");
    let mut label = 0;
    for (at, byte) in authority.iter().enumerate() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => label += 1,
            b'.' if label > 0 => label = 0,
            b':' if label > 0 => return numbered(&authority[..at], label),
            b'.' | b':' => return EMPTY,
            _ => return Err("Host holds a byte that a host name may not"),
        }
    }
    if label > 0 { numbered(authority, label) } else { EMPTY }
}

/// Refuses a host whose last label is a number if it is not an address as everybody writes it: `0x7f.1` and
/// `127.01.0.1` are names to some readers and different addresses to others. `label` is the length of that label.
fn numbered(host: &[u8], label: usize) -> Result<usize, &'static str> {
    let last = &host[host.len() - label..];
    if !last[0].is_ascii_digit() {
        return Ok(host.len());
    }
    let hex = last.strip_prefix(b"0x").or_else(|| last.strip_prefix(b"0X"));
    let number = last.iter().all(u8::is_ascii_digit)
        || hex.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let address = || std::str::from_utf8(host).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok());
    if number && !address() { Err("Host ends in a number and is no IPv4 address") } else { Ok(host.len()) }
}

fn is_port(digits: &[u8]) -> bool {
    let number = digits.iter().try_fold(0_u32, |sum, byte| {
        byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u32::from(byte - b'0')))
    });
    digits.len() <= 5 && number.is_some_and(|port| (1..=65_535).contains(&port))
}
