//! Declares `com.example.geo.locate` and refuses clients by it. LoadModule geo_module modules/mod_geo.so
#![forbid(unsafe_code)]

use geo_hook::{Country, Locate, LocateIn, LocateOut};
use proxy_module::abi::{RequestIn, Unit};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// GeoDeny CC...: refuses clients from these countries with 403; nobody without a module that locates them.
    #[directive(name = "GeoDeny", iterate)]
    deny: Vec<String>,
    /// GeoSource NAME: asks that provider of com.example.geo.country alone; nobody if it is not loaded.
    #[directive(name = "GeoSource", take1)]
    source: Option<String>,
}

struct Geo {
    deny: Vec<String>,
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
    fn locate(&self, cx: &Cx<'_>, client: &[u8], found: &mut LocateOut) -> Result<Answer> {
        let client = LocateIn::new(client);
        match self {
            Self::Anybody(hook) => hook.run(cx, &client, found),
            Self::Named(provider) => match provider.get(cx) {
                Some(country) => country.call(&client, found),
                None => Ok(Answer::Decline),
            },
        }
    }
}

impl Module for Geo {
    type Config = Config;

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        init.declare::<Locate>()?;
        let source = match &config.source {
            Some(name) => Source::Named(init.provider(name)?),
            None => Source::Anybody(init.runs()?),
        };
        Ok(Self { deny: config.deny, source })
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<AccessChecker>()
    }
}

impl Implements<AccessChecker> for Geo {
    fn call(&self, cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        if self.deny.is_empty() {
            return Ok(Answer::Decline);
        }
        let mut found = LocateOut::default();
        let client = Request::from(input.request).client();
        if self.source.locate(cx, client, &mut found)? != Answer::Ok {
            return Ok(Answer::Decline);
        }
        let denied =
            self.deny.iter().any(|country| country.as_bytes().eq_ignore_ascii_case(&found.country()));
        Ok(if denied { Answer::Http(403) } else { Answer::Decline })
    }
}

proxy_module::module!(geo_module: init Geo);
