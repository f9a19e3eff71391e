//! Lets in clients of given networks alone. LoadModule allow_module modules/mod_allow.so
#![forbid(unsafe_code)]

use std::net::IpAddr;

use proxy_module::abi::{RequestIn, Unit};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// AllowFrom ADDRESS…: addresses or networks (192.0.2.0/24, 2001:db8::/32) that are served; others get 403.
    #[directive(name = "AllowFrom", iterate)]
    networks: Vec<String>,
}

/// Addresses that begin with the same bits. An IPv4 address counts as the IPv6 address that it is mapped to.
#[derive(Clone, Copy)]
struct Network {
    bits: u128,
    mask: u128,
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::msg(format!("AllowFrom: '{text}' is no address and no network such as 192.0.2.0/24"));
        let (address, length) = text.split_once('/').map_or((text, None), |(a, length)| (a, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), |length| length.parse::<u32>().map_err(|_| wrong()))?;
        let free = most.checked_sub(length).ok_or_else(wrong)?;
        let mask = u128::MAX.checked_shl(free).unwrap_or(0);
        Ok(Self { bits: bits(address) & mask, mask })
    }

    fn holds(self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.bits
    }
}

struct Allow {
    networks: Vec<Network>,
}

impl Module for Allow {
    type Config = Config;

    fn new(config: Config, _init: &mut Init<'_>) -> Result<Self> {
        Ok(Self { networks: config.networks.iter().map(|text| Network::parse(text)).collect::<Result<_>>()? })
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<AccessChecker>()
    }
}

impl Implements<AccessChecker> for Allow {
    fn call(&self, _cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        let client: IpAddr = std::str::from_utf8(Request::from(input.request).client())?.parse()?;
        // Without a line, nothing was said about anybody.
        let allowed = self.networks.is_empty() || self.networks.iter().any(|network| network.holds(client));
        Ok(if allowed { Answer::Decline } else { Answer::Http(403) })
    }
}

proxy_module::module!(allow_module: init Allow);

#[cfg(test)]
#[test]
fn networks_hold_what_begins_with_their_bits() {
    for (network, inside, outside) in [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.9/24", "192.0.2.255", "192.0.3.0"),
        ("0.0.0.0/0", "255.0.0.1", "2001:db8::1"),
        ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
        ("::/0", "192.0.2.1", ""),
        ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
    ] {
        let network = Network::parse(network).unwrap();
        assert!(network.holds(inside.parse().unwrap()), "{inside}");
        assert!(!outside.parse().is_ok_and(|address| network.holds(address)), "{outside}");
    }
    for wrong in ["", "all", "192.0.2", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/x"] {
        assert!(Network::parse(wrong).is_err(), "{wrong}");
    }
}
