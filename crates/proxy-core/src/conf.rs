//! The configuration, lowered and checked: plain data without sockets, comparable. Directives write it, the
//! generation is built from it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use proxy_config::Span;

use crate::containment::OnPanics;
use crate::hash_key::HashSource;
use crate::limits::ClientLimits;
use crate::origin::Origin;
use crate::registration::DeclaredCluster;
use crate::value::Value;

/// The whole server.
///
/// What is relative is made absolute, names are resolved, and what sections inherit is applied, but for the
/// order in which mappings are tried: [`crate::routing`] compiles that.
#[derive(Clone, Debug)]
pub struct ServerConf {
    /// Absolute.
    pub server_root: PathBuf,
    /// Threads that serve; one a core if `None`.
    pub executors: Option<usize>,
    /// How many clients may be connected; what the limit of open files bears if `None`.
    pub max_connections: Option<usize>,
    /// How long a new connection may have to wait for an executor that has more to do than it can before it is refused; for
    /// ever if `None`.
    pub overload_delay: Option<Duration>,
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// How long a graceful stop waits for requests; at least a second.
    pub shutdown_timeout: Duration,
    /// Where the error log goes.
    pub error_log: LogTarget,
    /// What it holds.
    pub log_level: LogLevels,
    /// Named formats of access logs; `common`, `combined` and `proxy` (combined, the endpoint that answered, and how many
    /// were tried) are always there.
    pub log_formats: Vec<(String, String)>,
    /// Where the process id is written; absolute.
    pub pid_file: Option<PathBuf>,
    /// Where operators ask the running server; absolute. Nobody can if `None`.
    pub admin_socket: Option<PathBuf>,
    /// Clusters of the core's own directives (`<Proxy balancer://name>`).
    pub clusters: Vec<DeclaredCluster>,
    /// `LBMethod CLUSTER MODULE_ID`, in file order.
    pub lb_methods: Vec<LbMethod>,
    /// `LBHashKey CLUSTER SOURCE`, in file order.
    pub hash_keys: Vec<LbHashKey>,
    /// `ModuleOnPanic`.
    pub on_panics: OnPanics,
    /// StrictHostCheck: hosts that are no server's are refused.
    pub strict_hosts: bool,
    /// The main server first, then the virtual hosts in file order.
    pub servers: Vec<VirtualServer>,
    /// What each module's directives said, by ident: a map from directive names.
    pub module_values: Vec<(String, Value)>,
}

impl ServerConf {
    /// What a server does whose configuration says nothing.
    #[must_use]
    pub fn new(server_root: PathBuf) -> Self {
        let combined = format!("{COMMON} \"%{{Referer}}i\" \"%{{User-Agent}}i\"");
        let proxy = format!("{combined} %{{endpoint}}x %{{tries}}x");
        let formats = [("common", COMMON.to_owned()), ("combined", combined), ("proxy", proxy)];
        Self {
            server_root,
            executors: None,
            max_connections: None,
            overload_delay: Some(Duration::from_millis(200)),
            listen: Vec::new(),
            shutdown_timeout: Duration::from_secs(30),
            error_log: LogTarget::Stderr,
            log_level: LogLevels { default: LogLevel::Warn, modules: Vec::new() },
            log_formats: formats.map(|(name, format)| (name.to_owned(), format)).to_vec(),
            pid_file: None,
            admin_socket: None,
            clusters: Vec::new(),
            lb_methods: Vec::new(),
            hash_keys: Vec::new(),
            on_panics: OnPanics::default(),
            strict_hosts: false,
            servers: vec![VirtualServer::default()],
            module_values: Vec::new(),
        }
    }
}

/// The Common Log Format.
const COMMON: &str = "%h %l %u %t \"%r\" %>s %b";

/// An address to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub addr: SocketAddr,
    /// Where it was asked for.
    pub span: Option<Span>,
}

/// Where lines of a log go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// Appended to a file, absolute.
    File(PathBuf),
    /// Nowhere.
    Off,
}

/// How loud a line is; httpd's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `emerg`, `alert`, `crit`, `error`.
    Error,
    /// `warn`.
    Warn,
    /// `notice`, `info`.
    Info,
    /// `debug`.
    Debug,
    /// `trace1` to `trace8`.
    Trace,
}

/// `LogLevel`: a level, and other levels by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevels {
    /// For all that is not named.
    pub default: LogLevel,
    /// By module, in any of its name forms, or by the name of one of the server's own parts.
    pub modules: Vec<(String, LogLevel)>,
}

/// `LBMethod CLUSTER MODULE_ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LbMethod {
    /// The cluster's name.
    pub cluster: String,
    /// The ident of the module that answers for it, a loaded one.
    pub module: String,
    /// Where this was said.
    pub span: Span,
}

/// `LBHashKey CLUSTER SOURCE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LbHashKey {
    /// The cluster's name.
    pub cluster: String,
    /// Where its requests' keys come from.
    pub source: HashSource,
    /// Where this was said.
    pub span: Span,
}

/// The main server, or a `<VirtualHost>`. A virtual host has the main server's mappings and Locations before its
/// own, as in httpd; here each stands where it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualServer {
    /// Its addresses; empty for the main server.
    pub addrs: Vec<VirtualAddr>,
    /// ServerName, without port, lower case.
    pub name: Option<String>,
    /// ServerAlias, lower case, `*` and `?` as wildcards.
    pub aliases: Vec<String>,
    /// Where it begins; `None` for the main server.
    pub span: Option<Span>,
    /// What its clients may take.
    pub client: ClientLimits,
    /// How it proxies, outside of Locations.
    pub proxy: ProxySettings,
    /// `<Location>`s in file order.
    pub locations: Vec<Location>,
    /// ProxyPass and the modules' ROUTE directives outside of Locations, in file order.
    pub mappings: Vec<Mapping>,
    /// ProxyPassReverse, in file order.
    pub reverse: Vec<Reverse>,
    /// ProxyPassReverseCookieDomain and ProxyPassReverseCookiePath, in file order.
    pub cookies: Vec<CookieRule>,
    /// CustomLog; a virtual host without any uses the main server's.
    pub access_logs: Vec<AccessLog>,
}

/// What a `<VirtualHost>` listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualAddr {
    /// `None` for `*`.
    pub ip: Option<IpAddr>,
    /// `None` for `*`, and where none is written.
    pub port: Option<u16>,
}

/// As in the tag, always with the port: `*:80`, `127.0.0.1:*`.
impl fmt::Display for VirtualAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            None => f.write_str("*")?,
            Some(IpAddr::V4(ip)) => write!(f, "{ip}")?,
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
        }
        match self.port {
            None => f.write_str(":*"),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

/// Settings that a server has, and that a `<Location>` may override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// ProxyPreserveHost.
    pub preserve_host: bool,
    /// ProxyTimeout: the longest silence of an endpoint.
    pub timeout: Duration,
    /// ProxyConnectTimeout.
    pub connect_timeout: Duration,
    /// ProxyVia.
    pub via: Via,
    /// ProxyAddHeaders.
    pub add_headers: bool,
    /// MaxTries; all endpoints of the cluster if `None`.
    pub max_tries: Option<u32>,
    /// LimitRequestBody: bytes of a request's body; any number if `None`.
    pub body_limit: Option<u64>,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            preserve_host: false,
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(2),
            via: Via::Off,
            add_headers: true,
            max_tries: None,
            body_limit: Some(1 << 30),
        }
    }
}

/// What one section says of [`ProxySettings`]; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyOverrides {
    /// ProxyPreserveHost.
    pub preserve_host: Option<bool>,
    /// ProxyTimeout.
    pub timeout: Option<Duration>,
    /// ProxyConnectTimeout.
    pub connect_timeout: Option<Duration>,
    /// ProxyVia.
    pub via: Option<Via>,
    /// ProxyAddHeaders.
    pub add_headers: Option<bool>,
    /// MaxTries.
    pub max_tries: Option<u32>,
    /// LimitRequestBody.
    pub body_limit: Option<Option<u64>>,
}

impl ProxyOverrides {
    /// `base` with these over it.
    #[must_use]
    pub fn over(&self, base: &ProxySettings) -> ProxySettings {
        ProxySettings {
            preserve_host: self.preserve_host.unwrap_or(base.preserve_host),
            timeout: self.timeout.unwrap_or(base.timeout),
            connect_timeout: self.connect_timeout.unwrap_or(base.connect_timeout),
            via: self.via.unwrap_or(base.via),
            add_headers: self.add_headers.unwrap_or(base.add_headers),
            max_tries: self.max_tries.or(base.max_tries),
            body_limit: self.body_limit.unwrap_or(base.body_limit),
        }
    }
}

/// ProxyVia.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Leave Via as it came.
    Off,
    /// Add ourselves.
    On,
    /// Add ourselves with the version.
    Full,
    /// Remove it.
    Block,
}

/// A `<Location>`. A request takes what all those say whose paths hold it, in file order, a later one over an
/// earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Canonical path prefix.
    pub path: Vec<u8>,
    /// What it says of its server's settings.
    pub proxy: ProxyOverrides,
    /// The mapping that stands in it, if any; its prefix is the Location's.
    pub mappings: Vec<Mapping>,
    /// ProxyPassReverse in it; the public path is the Location's.
    pub reverse: Vec<Reverse>,
    /// ProxyPassReverseCookieDomain and ProxyPassReverseCookiePath in it.
    pub cookies: Vec<CookieRule>,
    /// Where it begins.
    pub span: Span,
}

/// One line of the mapping list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Canonical path prefix, matched at segment boundaries.
    pub prefix: Vec<u8>,
    /// Where it leads.
    pub target: MapTarget,
    /// Where it was written.
    pub span: Span,
}

/// Where a mapping leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapTarget {
    /// `!`: not proxied.
    Exclude,
    /// An URL: its origin, and the path that replaces the prefix; empty for an URL without a path.
    Origin {
        /// Whom to ask.
        origin: Origin,
        /// What replaces the prefix.
        path: String,
    },
    /// A symbol for a cluster. ProxyPass to `balancer://name[/path]` always replaces the prefix, as with any URL; a
    /// module's route does only if a path is written behind the symbol, else the unparsed URI goes on unchanged.
    Cluster {
        /// The cluster's name.
        symbol: String,
        /// What replaces the prefix.
        path: Option<String>,
        /// The module whose directive this is; `None` for ProxyPass with `balancer://`.
        owner: Option<String>,
    },
}

/// ProxyPassReverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverse {
    /// The public path, or prefix of one.
    pub path: String,
    /// The prefix of what the endpoint says: an URL, `balancer://cluster[/path]`, or a path.
    pub url: String,
    /// Where it was written.
    pub span: Span,
}

/// ProxyPassReverseCookieDomain or ProxyPassReverseCookiePath.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieRule {
    /// What of a Set-Cookie field it is about.
    pub attribute: CookieAttribute,
    /// What the endpoint says: a host name, or a path.
    pub internal: String,
    /// What stands for it outside.
    pub public: String,
}

/// An attribute of a cookie that names a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieAttribute {
    /// The hosts that get the cookie.
    Domain,
    /// The paths that get it.
    Path,
}

/// CustomLog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub target: LogTarget,
    /// The format itself, names resolved.
    pub format: String,
    /// Where it was asked for.
    pub span: Option<Span>,
}
