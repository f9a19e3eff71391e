//! Virtual hosts: by address, then by name.

use std::net::{IpAddr, SocketAddr};

use super::Server;
use crate::conf::VirtualAddr;

/// The virtual hosts of one address, in file order; never empty.
#[derive(Debug)]
pub struct HostGroup {
    pub(super) addr: VirtualAddr,
    pub(super) members: Vec<usize>,
    /// Who takes a host that is none of theirs, if not the first.
    pub(super) nobody: Option<usize>,
}

impl HostGroup {
    /// Whether requests that arrive at `local` are for one of these.
    pub(super) fn serves(&self, local: SocketAddr) -> bool {
        // A socket for both families shows IPv4 addresses inside IPv6 ones.
        let ip: IpAddr = local.ip().to_canonical();
        self.addr.ip.is_none_or(|wanted| wanted == ip)
            && self.addr.port.is_none_or(|port| port == local.port())
    }

    /// The one that is named `host`, else the one with such an alias, else nobody's or the first.
    pub(super) fn member(&self, servers: &[Server], host: Option<&[u8]>) -> usize {
        let first = self.members.first().copied().unwrap_or_default();
        let Some(host) = host else { return first };
        let host = host.strip_suffix(b".").unwrap_or(host);
        let is_named = |name: &str| name.as_bytes().eq_ignore_ascii_case(host);
        let find = |fits: &dyn Fn(&Server) -> bool| {
            self.members.iter().copied().find(|number| servers.get(*number).is_some_and(fits))
        };
        find(&|server| server.name.as_deref().is_some_and(is_named))
            .or_else(|| find(&|server| server.aliases.iter().any(|alias| matches(alias.as_bytes(), host))))
            .or(self.nobody)
            .unwrap_or(first)
    }

    /// How early it is asked: an address with its port, an address, a port, any.
    pub(super) const fn rank(&self) -> u8 {
        match (self.addr.ip.is_some(), self.addr.port.is_some()) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    }
}

/// Whether `host` fits a pattern in which `*` is any text and `?` any one character. Takes time in proportion to
/// both lengths at worst, since only the last `*` is ever tried again.
pub(super) fn matches(pattern: &[u8], host: &[u8]) -> bool {
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while here < host.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&host[here]) => {
                at += 1;
                here += 1;
            }
            _ => {
                let Some((star_at, covered)) = star else { return false };
                star = Some((star_at, covered + 1));
                at = star_at + 1;
                here = covered + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}
