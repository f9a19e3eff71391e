//! From the directive tree to [`ServerConf`]: every line is checked against the directive table and handed to its
//! owner. All errors are collected, each with its place; nothing is opened, bound or looked up.

mod checks;
mod values;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use proxy_config::{Diagnostic, Diagnostics, Input, Loader, Node, Sources, Span, Tree, Word, nearest};

use crate::conf::{
    CookieRule, Location, Mapping, ProxyOverrides, Reverse, ServerConf, VirtualAddr, VirtualServer,
};
use crate::limits::ClientOverrides;
use crate::load_module::{FailedLoad, ModuleReader};
use crate::module::{LoadModules, ModuleCode, ModuleInfo};
use crate::registration::DeclaredCluster;
use values::ModuleValues;

/// A configuration, read and lowered.
#[derive(Debug)]
pub struct Configured {
    /// What it says. With errors among the diagnostics it is what could be understood, not fit for running.
    pub conf: ServerConf,
    /// The built-in modules by ident, then the loaded ones in file order.
    pub modules: Vec<Arc<dyn ModuleCode>>,
    /// What was read, for DUMP_CONFIG.
    pub tree: Tree,
    /// The texts that were read; draws the diagnostics.
    pub sources: Sources,
    /// Everything that is wrong, in the order in which it was found.
    pub diagnostics: Diagnostics,
    /// What is defined at the end.
    pub defines: Vec<(String, String)>,
}

/// Reads a configuration and lowers it. Modules are loaded, not begun. Any thread; takes as long as the loaders do.
#[must_use]
pub fn configure(
    input: &Input,
    loader: &dyn Loader,
    modules: &dyn LoadModules,
    statics: Vec<Arc<dyn ModuleCode>>,
) -> Configured {
    let (mut reader, mut diagnostics) = ModuleReader::new(modules, statics, input.server_root.clone());
    let read = proxy_config::read(input, loader, &mut reader);
    // Where nothing could be read, the reason is all there is to say.
    let is_readable = !read.tree.nodes.is_empty() || !read.diagnostics.has_errors();
    diagnostics.extend(read.diagnostics);
    let (modules, failed) = reader.finish();
    let mut lowering = Lowering::new(ServerConf::new(read.server_root), &modules, &failed);
    lowering.body(&read.tree.nodes);
    if is_readable && !read.tree.nodes.iter().any(|node| node.is("Listen")) {
        lowering.report(no_listen());
    }
    lowering.finish();
    let Lowering { conf, diagnostics: found, .. } = lowering;
    diagnostics.extend(found);
    Configured { conf, modules, tree: read.tree, sources: read.sources, diagnostics, defines: read.defines }
}

fn no_listen() -> Diagnostic {
    Diagnostic::error(None, "no Listen line: the server would have no address")
        .with_help("add one, as in `Listen 127.0.0.1:8080`")
}

/// A configuration while it is lowered, as the handlers of directives see it.
pub(crate) struct Lowering<'m> {
    /// What the lines so far have said.
    pub(crate) conf: ServerConf,
    modules: &'m [Arc<dyn ModuleCode>],
    values: ModuleValues,
    diagnostics: Diagnostics,
    /// The sections that are open, innermost last.
    sections: Vec<Section>,
    /// Index in `conf.servers` of the server whose lines are lowered.
    server: usize,
    /// What each server says of itself; merged at the end, since a line may stand below the sections it is for.
    overrides: Vec<ProxyOverrides>,
    clients: Vec<ClientOverrides>,
    location: Option<Location>,
    cluster: Option<DeclaredCluster>,
    failed: &'m [FailedLoad],
    /// The last failed LoadModule above, and how many unknown directives stand below it.
    below_failed: Option<(Span, usize)>,
}

/// A section that is open.
#[derive(Debug)]
struct Section {
    /// One of [`proxy_abi::scopes`].
    scope: u32,
    name: Word,
}

impl<'m> Lowering<'m> {
    fn new(conf: ServerConf, modules: &'m [Arc<dyn ModuleCode>], failed: &'m [FailedLoad]) -> Self {
        Self {
            conf,
            modules,
            values: ModuleValues::of(modules),
            diagnostics: Diagnostics::default(),
            sections: Vec::new(),
            server: 0,
            overrides: vec![ProxyOverrides::default()],
            clients: vec![ClientOverrides::default()],
            location: None,
            cluster: None,
            failed,
            below_failed: None,
        }
    }

    /// Takes a complaint; lowering goes on.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// How many errors there are so far.
    pub(crate) fn errors(&self) -> usize {
        self.diagnostics.errors().count()
    }

    /// The modules in load order.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &'m ModuleInfo> + use<'m> {
        self.modules.iter().map(|module| module.info())
    }

    /// Warns where `name` has the form of a module's name and none answers to it.
    pub(crate) fn check_module_name(&mut self, word: &Word, name: &str) {
        let has_form = name.ends_with("_module") || name.starts_with("mod_");
        if !has_form || self.modules().any(|info| info.answers_to(name)) {
            return;
        }
        let mut diagnostic = Diagnostic::warning(word.span, format!("no module `{name}` is loaded"));
        if let Some(near) = nearest(name, self.modules().map(|info| info.ident.as_str())) {
            diagnostic = diagnostic.with_help(format!("did you mean `{near}`?"));
        }
        self.report(diagnostic);
    }

    /// The server whose lines are lowered.
    pub(crate) fn server(&mut self) -> &mut VirtualServer {
        // `server` is only ever 0, which is there from the start, or that of a host just pushed.
        &mut self.conf.servers[self.server]
    }

    /// The Location that is open, if one is.
    pub(crate) const fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// The cluster that is open, if one is.
    pub(crate) const fn cluster(&mut self) -> Option<&mut DeclaredCluster> {
        self.cluster.as_mut()
    }

    /// Where settings of the innermost section go.
    pub(crate) fn overrides(&mut self) -> &mut ProxyOverrides {
        match &mut self.location {
            Some(location) => &mut location.proxy,
            None => &mut self.overrides[self.server],
        }
    }

    /// Where limits of the server whose lines are lowered go.
    pub(crate) fn client(&mut self) -> &mut ClientOverrides {
        &mut self.clients[self.server]
    }

    /// Where mappings of the innermost section go.
    pub(crate) fn mappings(&mut self) -> &mut Vec<Mapping> {
        match &mut self.location {
            Some(location) => &mut location.mappings,
            None => &mut self.conf.servers[self.server].mappings,
        }
    }

    /// Where ProxyPassReverse lines of the innermost section go.
    pub(crate) fn reverses(&mut self) -> &mut Vec<Reverse> {
        match &mut self.location {
            Some(location) => &mut location.reverse,
            None => &mut self.conf.servers[self.server].reverse,
        }
    }

    /// Where rules about cookies of the innermost section go.
    pub(crate) fn cookies(&mut self) -> &mut Vec<CookieRule> {
        match &mut self.location {
            Some(location) => &mut location.cookies,
            None => &mut self.conf.servers[self.server].cookies,
        }
    }

    /// Lowers the body of a `<VirtualHost>`.
    pub(crate) fn enter_host(&mut self, node: &Node, addrs: Vec<VirtualAddr>) {
        let host = VirtualServer { addrs, span: Some(node.span()), ..VirtualServer::default() };
        self.server = self.conf.servers.len();
        self.conf.servers.push(host);
        self.overrides.push(ProxyOverrides::default());
        self.clients.push(ClientOverrides::default());
        self.section(node, proxy_abi::scopes::VHOST);
        self.server = 0;
    }

    /// Lowers the body of a `<Location>`.
    pub(crate) fn enter_location(&mut self, node: &Node, location: Location) {
        self.location = Some(location);
        self.section(node, proxy_abi::scopes::LOCATION);
        if let Some(location) = self.location.take() {
            self.server().locations.push(location);
        }
    }

    /// Lowers the body of a `<Proxy>` and hands back the cluster with its endpoints.
    pub(crate) fn enter_cluster(&mut self, node: &Node, cluster: DeclaredCluster) -> DeclaredCluster {
        let empty = DeclaredCluster::new(cluster.name.clone(), cluster.span);
        self.cluster = Some(cluster);
        self.section(node, proxy_abi::scopes::CLUSTER);
        self.cluster.take().unwrap_or(empty)
    }
}
