//! Prefers an endpoint by the client's country. LoadModule lb_geo_module modules/mod_lb_geo.so
//!
//! Where a client is, `com.example.geo.locate` says, whoever declares and implements it. It is a wish and no more:
//! without an answer, and also when an implementation fails, endpoints are tried in their order.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use geo_hook::{Locate, LocateIn, LocateOut};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// GeoCluster NAME http://HOST:PORT...: adds servers to a cluster; without a preference they are tried in this order.
    #[directive(name = "GeoCluster", keyed)]
    clusters: BTreeMap<String, Vec<String>>,
    /// GeoPrefer CC http://HOST:PORT...: clients from that country are sent to that server of a GeoCluster first.
    #[directive(name = "GeoPrefer", keyed)]
    prefer: BTreeMap<String, Vec<String>>,
    /// GeoProxyPass PATH CLUSTER: as ProxyPass, with a cluster in place of the URL.
    #[directive(name = "GeoProxyPass", route)]
    _routes: Routes,
}

struct Geo {
    prefer: Vec<Preference>,
    locate: Runner<Locate>,
}

/// Which endpoints clients of a country are sent to, by id.
struct Preference {
    country: [u8; 2],
    endpoints: Vec<u64>,
}

struct Walk {
    preferred: Option<u32>,
    offered: usize,
}

impl Preference {
    /// `servers` are URL and id of all endpoints there are.
    fn new(country: &str, urls: &[String], servers: &[(&str, u64)]) -> Result<Self> {
        let Ok(code) = <[u8; 2]>::try_from(country.as_bytes()) else {
            return Err(Error::msg(format!("GeoPrefer {country}: write a country's two letters, as DE")));
        };
        let mut endpoints = Vec::new();
        for url in urls {
            let before = endpoints.len();
            endpoints.extend(servers.iter().filter(|(known, _)| known == url).map(|(_, id)| *id));
            if endpoints.len() == before {
                return Err(Error::msg(format!(
                    "GeoPrefer {country} {url}: no GeoCluster has that server: add it to one, or write its URL as it \
                     stands there"
                )));
            }
        }
        Ok(Self { country: code.map(|letter| letter.to_ascii_uppercase()), endpoints })
    }
}

impl Geo {
    /// Where the client is, if anybody knows.
    fn country(&self, request: &Request<'_>) -> Option<[u8; 2]> {
        let mut found = LocateOut::default();
        match self.locate.run(&request.cx()?, &LocateIn::new(request.client()), &mut found) {
            Ok(Answer::Ok) => Some(found.country()),
            Ok(_) => None,
            Err(error) => {
                warn!("nobody is preferred: {}", error.message());
                None
            }
        }
    }

    /// Index of the endpoint preferred for that country.
    fn preferred(&self, country: [u8; 2], set: &Endpoints<'_>) -> Option<u32> {
        let wanted = self.prefer.iter().find(|preference| preference.country == country)?;
        let usable = set.usable().iter().copied();
        let is_wanted =
            |index: &u32| set.get(*index).is_some_and(|endpoint| wanted.endpoints.contains(&endpoint.id()));
        usable.into_iter().find(is_wanted)
    }
}

impl Balancer for Geo {
    type Config = Config;
    type Walk = Walk;

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        let mut servers = Vec::new();
        for (name, urls) in &config.clusters {
            let mut cluster = init.cluster(name)?;
            for url in urls {
                servers.push((url.as_str(), cluster.endpoint(url, 1)?));
            }
        }
        let prefer = config.prefer.iter().map(|(country, urls)| Preference::new(country, urls, &servers));
        Ok(Self { prefer: prefer.collect::<Result<_>>()?, locate: init.runs()? })
    }

    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let preferred = self.country(request).and_then(|country| self.preferred(country, set));
        Ok(Begin::Trylist(Walk { preferred, offered: 0 }))
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        if let Some(index) = walk.preferred.take() {
            return Ok(Next::Endpoint(index));
        }
        let endpoints = attempt.endpoints();
        let rest = endpoints.usable().get(walk.offered..).unwrap_or_default();
        let Some(skipped) = rest.iter().position(|index| !attempt.tried(*index)) else {
            return Ok(Next::Exhausted);
        };
        walk.offered += skipped + 1;
        Ok(Next::Endpoint(rest[skipped]))
    }
}

proxy_module::module!(lb_geo_module: balancer Geo);
