//! Prefers an endpoint by the client's country. LoadModule lb_geo_module modules/mod_lb_geo.so
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use geo_hook::{Country, Locate, LocateIn, LocateOut};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// GeoPrefer CC http://HOST:PORT: clients from that country are sent to that endpoint first.
    #[directive(name = "GeoPrefer", keyed)]
    prefer: BTreeMap<String, Vec<String>>,
    /// GeoSource NAME: asks that provider of com.example.geo.country alone; nobody if it is not loaded.
    #[directive(name = "GeoSource", take1)]
    source: Option<String>,
}

struct Geo {
    prefer: BTreeMap<String, Vec<String>>,
    source: Source,
}

/// Who says where a client is.
enum Source {
    /// Whoever implements the hook.
    Anybody(Runner<Locate>),
    /// One provider.
    Named(Provider<Country>),
}

impl Source {
    fn country(&self, cx: &Cx<'_>, client: &[u8]) -> Result<Option<[u8; 2]>> {
        let (question, mut found) = (LocateIn::new(client), LocateOut::default());
        let answer = match self {
            Self::Anybody(hook) => hook.run(cx, &question, &mut found)?,
            Self::Named(provider) => match provider.get(cx) {
                Some(country) => country.call(&question, &mut found)?,
                None => Answer::Decline,
            },
        };
        Ok((answer == Answer::Ok).then(|| found.country()))
    }
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
        let source = match &config.source {
            Some(name) => Source::Named(init.provider(name)?),
            None => Source::Anybody(init.runs()?),
        };
        Ok(Self { prefer: config.prefer, source })
    }

    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let located = match request.cx() {
            Some(cx) => self.source.country(&cx, request.client())?,
            None => None,
        };
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
