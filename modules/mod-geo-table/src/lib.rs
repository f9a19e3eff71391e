//! Implements `com.example.geo.locate`, and provides `com.example.geo.country` by the name `table`. LoadModule geo_table_module modules/mod_geo_table.so
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::net::IpAddr;

use geo_hook::{Country, Locate, LocateIn, LocateOut};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// GeoTable CIDR CC: clients of that network are in that country; of several networks the smallest counts.
    #[directive(name = "GeoTable", keyed)]
    table: BTreeMap<String, Vec<String>>,
}

struct Network {
    address: IpAddr,
    bits: u32,
    country: [u8; 2],
}

impl Network {
    fn new(cidr: &str, countries: &[String]) -> Result<Self> {
        let wrong = || Error::msg(format!("GeoTable {cidr}: write it as in GeoTable 192.0.2.0/24 DE"));
        let (address, bits) = cidr.split_once('/').ok_or_else(wrong)?;
        let (address, bits): (IpAddr, u32) =
            (address.parse().map_err(|_| wrong())?, bits.parse().map_err(|_| wrong())?);
        let [country] = countries else { return Err(wrong()) };
        let Ok(country) = <[u8; 2]>::try_from(country.as_bytes()) else { return Err(wrong()) };
        if bits > (if address.is_ipv4() { 32 } else { 128 }) || !country.is_ascii() {
            return Err(wrong());
        }
        Ok(Self { address, bits, country: country.map(|letter| letter.to_ascii_uppercase()) })
    }

    fn contains(&self, client: IpAddr) -> bool {
        match (self.address, client) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= self.bits,
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= self.bits,
            _ => false,
        }
    }
}

struct Table(Vec<Network>); // the smallest networks first

impl Module for Table {
    type Config = Config;

    fn new(config: Config, _init: &mut Init<'_>) -> Result<Self> {
        let networks = config.table.iter().map(|(cidr, countries)| Network::new(cidr, countries));
        let mut networks = networks.collect::<Result<Vec<_>>>()?;
        networks.sort_by_key(|network| std::cmp::Reverse(network.bits));
        Ok(Self(networks))
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<Locate>()?;
        hooks.provide::<Country>("table")
    }
}

impl Table {
    fn locate(&self, input: &LocateIn<'_>, out: &mut LocateOut) -> Result<Answer> {
        let client: Option<IpAddr> = input.client.to_str().ok().and_then(|text| text.parse().ok());
        let found = client.and_then(|client| self.0.iter().find(|network| network.contains(client)));
        let Some(network) = found else { return Ok(Answer::Decline) };
        [out.first, out.second] = network.country;
        Ok(Answer::Ok)
    }
}

impl Implements<Locate> for Table {
    fn call(&self, _cx: &Cx<'_>, input: &LocateIn<'_>, out: &mut LocateOut) -> Result<Answer> {
        self.locate(input, out)
    }
}

impl Provides<Country> for Table {
    fn call(&self, _cx: &Cx<'_>, input: &LocateIn<'_>, out: &mut LocateOut) -> Result<Answer> {
        self.locate(input, out)
    }
}

proxy_module::module!(geo_table_module: init Table);
