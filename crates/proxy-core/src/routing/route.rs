//! One route, and the request target that it makes of the client's.

use proxy_config::Span;

use super::Destination;
use crate::conf::CookieRule;
use crate::path::rest_after;

/// A mapping that leads somewhere.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where it leads.
    pub destination: Destination,
    /// Canonical path prefix.
    pub prefix: Vec<u8>,
    /// What replaces the prefix; `None` leaves the target as it is.
    pub replace: Option<Vec<u8>>,
    /// Where it was written.
    pub span: Span,
}

impl Route {
    /// Appends to `out` what the endpoint is asked for. `target` is path and query as the client sent them, and its
    /// canonical path matched.
    ///
    /// As with ProxyPass in httpd, prefix and replacement are exchanged as they stand; what follows stays as the
    /// client spelt it. Only where an
    /// URL has no path, its root is meant.
    pub fn rewrite(&self, target: &[u8], out: &mut Vec<u8>) {
        let Some(replace) = &self.replace else { return out.extend_from_slice(target) };
        let rest = rest_after(target, self.prefix.len());
        let slash_is_left = rest.first() == Some(&b'/') && !self.prefix.ends_with(b"/");
        if replace.is_empty() && !slash_is_left {
            out.push(b'/');
        }
        out.extend_from_slice(replace);
        out.extend_from_slice(rest);
    }
}

/// What endpoints call things, and what they are called outside; of each kind the first that fits counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    /// URLs and paths.
    pub places: Vec<ReverseRule>,
    /// Domains and paths of cookies.
    pub cookies: Vec<CookieRule>,
}

impl Renames {
    /// Puts what `more` says behind what is there.
    pub(super) fn extend(&mut self, more: &Self) {
        self.places.extend_from_slice(&more.places);
        self.cookies.extend_from_slice(&more.cookies);
    }
}

/// One line of ProxyPassReverse; one for each endpoint where it names a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReverseRule {
    /// What the endpoint says: an absolute URL, or a path.
    pub internal: String,
    /// The path outside that stands for it.
    pub public: String,
}
