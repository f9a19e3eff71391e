//! Prefers an endpoint by the client's country. LoadModule lb_geo_module modules/mod_lb_geo.so
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use geo_hook::{Locate, LocateIn, LocateOut};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// GeoPrefer CC http://HOST:PORT: clients from that country are sent to that endpoint first.
    #[directive(name = "GeoPrefer", keyed)]
    prefer: BTreeMap<String, Vec<String>>,
}

struct Geo {
    prefer: BTreeMap<String, Vec<String>>,
    locate: Runner<Locate>,
}

struct Walk {
    preferred: Option<u32>,
    offered: usize,
}

impl Geo {
    /// Index of the endpoint preferred for that country.
    fn preferred(&self, country: [u8; 2], set: &Endpoints<'_>) -> Option<u32> {
        let urls = &self.prefer.iter().find(|(code, _)| code.as_bytes().eq_ignore_ascii_case(&country))?.1;
        let named = |addr: &[u8]| {
            urls.iter().any(|url| url.strip_prefix("http://").is_some_and(|named| named.as_bytes() == addr))
        };
        let usable = set.usable().iter().copied();
        usable.into_iter().find(|index| set.get(*index).is_some_and(|endpoint| named(endpoint.addr())))
    }
}

impl Balancer for Geo {
    type Config = Config;
    type Walk = Walk;

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        Ok(Self { prefer: config.prefer, locate: init.runs()? })
    }

    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let mut found = LocateOut::default();
        let answer = match request.cx() {
            Some(cx) => self.locate.run(&cx, &LocateIn::new(request.client()), &mut found)?,
            None => Answer::Decline,
        };
        let located = (answer == Answer::Ok).then(|| found.country());
        let preferred = located.and_then(|country| self.preferred(country, set));
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
