//! Which server and which mapping a request belongs to.

/// Where a mapping leads, in numbers of its generation. Found by `generation/build.rs`, which calls
/// `Servers::compile(&conf.servers, |target: &MapTarget, span: Span| -> Result<Option<Destination>, Diagnostic>)
/// -> Result<Servers, Vec<Diagnostic>>` (`None` for an exclusion).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The cluster.
    pub cluster: usize,
    /// Who balances it; `None` for a route to an URL.
    pub balancer: Option<usize>,
}
