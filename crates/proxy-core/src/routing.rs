//! Which server and which mapping a request belongs to. Compiled once for a generation; a request allocates
//! nothing here and asks nothing outside.
//!
//! The connection's local address selects the virtual hosts, the Host field one of those; then the mappings are
//! tried in order, first those of Locations. The rules are httpd's (`server/vhost.c`, `modules/proxy/mod_proxy.c`).

mod compile;
mod hosts;
mod route;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use proxy_config::{Diagnostic, Span};

pub use hosts::HostGroup;
pub use route::{Renames, ReverseRule, Route};

use crate::conf::{MapTarget, ProxySettings, ServerConf};
use crate::limits::ClientLimits;
use crate::origin::Origin;
use crate::path::has_prefix;

/// Where a mapping leads, in numbers of its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The cluster.
    pub cluster: usize,
    /// Who balances it; `None` for a route to an URL.
    pub balancer: Option<usize>,
}

/// What the generation under way knows of clusters.
pub trait Clusters {
    /// Where a mapping leads; `None` for an exclusion.
    ///
    /// # Errors
    /// If there is no such cluster, or nobody who balances it.
    fn destination(&mut self, target: &MapTarget, span: Span) -> Result<Option<Destination>, Diagnostic>;

    /// The origins of a named cluster's endpoints.
    ///
    /// # Errors
    /// If there is no such cluster.
    fn origins(&self, cluster: &str, span: Span) -> Result<Vec<Origin>, Diagnostic>;
}

/// The servers of a generation.
#[derive(Debug)]
pub struct Servers {
    /// The main server, then the virtual hosts in file order, then those that take the hosts of nobody.
    servers: Vec<Server>,
    /// The most specific address first.
    groups: Vec<HostGroup>,
}

/// One server, with all that it has of the main server.
#[derive(Debug)]
pub struct Server {
    /// Its place in `ServerConf::servers`.
    pub number: usize,
    name: Option<String>,
    aliases: Vec<String>,
    /// It stands for hosts that nobody answers for.
    is_nobody: bool,
    client: ClientLimits,
    settings: ProxySettings,
    reverse: Renames,
    /// The longest path first.
    locations: Vec<Place>,
    /// Those of Locations first.
    mappings: Vec<Entry>,
}

/// A path with settings of its own: what all Locations that hold it say, together.
#[derive(Debug)]
struct Place {
    path: Vec<u8>,
    settings: ProxySettings,
    reverse: Renames,
}

/// One line of the mapping list.
#[derive(Clone, Debug)]
struct Entry {
    prefix: Vec<u8>,
    /// None for an exclusion.
    route: Option<Route>,
}

/// What was found for a request.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'g> {
    /// Whose request it is.
    pub server: &'g Server,
    /// How it is passed on.
    pub settings: &'g ProxySettings,
    /// What its endpoint calls things, and what they are called outside.
    pub reverse: &'g Renames,
    /// Where it goes; nowhere if no mapping fits, or one excludes it.
    pub route: Option<&'g Route>,
}

impl Servers {
    /// Compiles what the configuration says of servers, the main server first.
    ///
    /// # Errors
    /// All mappings that lead nowhere.
    pub fn compile(conf: &ServerConf, clusters: &mut dyn Clusters) -> Result<Self, Vec<Diagnostic>> {
        compile::compile(conf, clusters)
    }

    /// The server that a request is for.
    ///
    /// `local` is the address that the client connected to, `host` the host of the request's target or Host field,
    /// without its port; case does not matter.
    #[must_use]
    pub fn server(&self, local: SocketAddr, host: Option<&[u8]>) -> &Server {
        let group = self.groups.iter().find(|group| group.serves(local));
        let number = group.map_or(0, |group| group.member(&self.servers, host));
        &self.servers[number]
    }

    /// The server, settings and mapping of a request; `path` is the canonical one, without the query.
    #[must_use]
    pub fn route(&self, local: SocketAddr, host: Option<&[u8]>, path: &[u8]) -> Routed<'_> {
        self.server(local, host).route(path)
    }
}

impl Server {
    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it takes requests for hosts of nobody, to have them refused (StrictHostCheck); it maps nothing.
    #[must_use]
    pub const fn is_nobody(&self) -> bool {
        self.is_nobody
    }

    /// What its clients may take.
    #[must_use]
    pub const fn client(&self) -> &ClientLimits {
        &self.client
    }

    /// The settings and mapping of a request for this server; `path` is the canonical one, without the query.
    #[must_use]
    pub fn route(&self, path: &[u8]) -> Routed<'_> {
        let place = self.locations.iter().find(|place| has_prefix(path, &place.path));
        let (settings, reverse) =
            place.map_or((&self.settings, &self.reverse), |place| (&place.settings, &place.reverse));
        let entry = self.mappings.iter().find(|entry| has_prefix(path, &entry.prefix));
        Routed { server: self, settings, reverse, route: entry.and_then(|entry| entry.route.as_ref()) }
    }
}
