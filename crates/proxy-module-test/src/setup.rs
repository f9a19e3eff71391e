//! What a host is made of: a module, its configuration, clusters, a seed.

use proxy_module::abi::{Module, Random, Status};
use proxy_module::testing::{Declared, Instance, Refusal, directives, keep_lines, record_of, take_lines};

use crate::cluster::Cluster;
use crate::host::Host;
use crate::{config, quiet};

/// A host to be; see [`Host::of`].
#[derive(Clone, Debug)]
#[must_use = "nothing runs before start"]
pub struct Setup {
    module: &'static Module,
    config: String,
    clusters: Vec<Declared>,
    seed: u64,
}

impl Setup {
    pub(crate) const fn of(module: &'static Module) -> Self {
        Self { module, config: String::new(), clusters: Vec::new(), seed: 1 }
    }

    /// Adds lines of the configuration, as they would stand in the server's: directives of the module.
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Adds a cluster of endpoints of weight 1, as the server's own directives make one.
    pub fn cluster(self, name: &str, urls: &[&str]) -> Self {
        let endpoints: Vec<_> = urls.iter().map(|url| (*url, 1)).collect();
        self.weighted(name, &endpoints)
    }

    /// Adds a cluster of endpoints, each with its weight.
    pub fn weighted(mut self, name: &str, endpoints: &[(&str, u32)]) -> Self {
        let endpoints = endpoints.iter().map(|(url, weight)| ((*url).to_owned(), *weight)).collect();
        self.clusters.push(Declared { name: name.to_owned(), endpoints });
        self
    }

    /// Adds a cluster `c` of that many endpoints.
    pub fn endpoints(self, count: u32) -> Self {
        self.of_endpoints("c", count)
    }

    /// The cluster of a check, under a name that no configuration has.
    pub(crate) fn cluster_of(self, count: u32) -> Self {
        self.of_endpoints("conformance", count)
    }

    fn of_endpoints(mut self, name: &str, count: u32) -> Self {
        let endpoints = (0..count).map(|index| (format!("http://e{index}.example:80"), 1)).collect();
        self.clusters.push(Declared { name: name.to_owned(), endpoints });
        self
    }

    /// Begins the sequence of random numbers elsewhere; 1 if a test does not say.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs `init`.
    ///
    /// # Panics
    /// If the module refuses its configuration.
    #[must_use]
    pub fn start(self) -> Host {
        let ident = self.ident();
        self.try_start().unwrap_or_else(|refusal| panic!("{ident} was not started: {}", refusal.text))
    }

    /// Runs `init`.
    ///
    /// # Errors
    /// Why there is no instance.
    ///
    /// # Panics
    /// If the record was not made by `module!`.
    pub fn try_start(self) -> Result<Host, Refusal> {
        let ident = self.ident();
        let Some(record) = record_of(self.module) else { panic!("{ident} was not made by module!") };
        let refused = |text| Refusal { status: Status::ERROR, text };
        let tree = config::read(&self.config, ident, directives(record)).map_err(refused)?;
        quiet::install();
        keep_lines(record);
        drop(take_lines());
        let instance = quiet::inside(|| Instance::new(record, &tree))?;
        let of_module = instance.registered().clusters.iter();
        let all: Vec<_> = self.clusters.iter().chain(of_module).collect();
        if let Some(twice) =
            all.iter().enumerate().find(|(i, one)| all[..*i].iter().any(|o| o.name == one.name))
        {
            return Err(refused(format!("cluster '{}' is made twice: use another name", twice.1.name)));
        }
        let clusters =
            (0..).zip(all).map(|(number, declared)| Cluster::new(&instance, number, declared)).collect();
        Ok(Host::new(instance, clusters, Random::new(self.seed)))
    }

    fn ident(&self) -> &'static str {
        self.module.ident.to_str().unwrap_or("?")
    }
}
