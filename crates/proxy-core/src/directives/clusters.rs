//! Clusters of the core's own: `<Proxy balancer://name>` with BalancerMember, and LBMethod.

use proxy_abi::scopes;
use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node, Word};

use super::{arg, loaded_module, number};
use crate::conf::{LbHashKey, LbMethod};
use crate::directive::{Directive, GLOBAL, HOSTS};
use crate::hash_key::HashSource;
use crate::lower::Lowering;
use crate::registration::{DeclaredCluster, check_cluster_name};

inventory::submit!(Directive::section(
    "Proxy",
    HOSTS,
    Args::Take1,
    "a cluster, balancer://name, whose endpoints stand inside",
    proxy
));
inventory::submit!(Directive::line(
    "BalancerMember",
    scopes::CLUSTER,
    Args::TakeArgv,
    "an endpoint, http://host[:port], and loadfactor=N for its capacity beside the others",
    balancer_member
));
inventory::submit!(Directive::line(
    "LBMethod",
    GLOBAL,
    Args::Take2,
    "hands a cluster to a balancer: the cluster's name and the module's",
    lb_method
));
inventory::submit!(Directive::line(
    "LBHashKey",
    GLOBAL,
    Args::Take2,
    "what a hashing balancer goes by: a cluster's name, and client, uri, header:NAME or cookie:NAME",
    lb_hash_key
));

fn proxy(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let name = word.text.strip_prefix("balancer://").ok_or_else(|| {
        Diagnostic::error(word.span, format!("`{}` is not a cluster", word.text))
            .with_help("write `<Proxy balancer://name>`; other sections of proxied URLs are not supported")
    });
    let name = name.and_then(|name| {
        let name = name.strip_suffix('/').unwrap_or(name);
        check_cluster_name(name).map(|()| name).map_err(|message| Diagnostic::error(word.span, message))
    });
    let name = match name {
        Ok(name) => name.to_owned(),
        Err(diagnostic) => {
            // Its body is read all the same, for its own errors.
            lowering.report(diagnostic);
            lowering.enter_cluster(node, DeclaredCluster::new(String::new(), None));
            return Ok(());
        }
    };
    let first =
        lowering.conf.clusters.iter().find(|cluster| cluster.name == name).map(|cluster| cluster.span);
    let errors = lowering.errors();
    let cluster = DeclaredCluster::new(name.clone(), Some(node.span()));
    let cluster = lowering.enter_cluster(node, cluster);
    if let Some(first) = first {
        let diagnostic = Diagnostic::error(word.span, format!("cluster '{name}' is declared twice"));
        return Err(match first {
            Some(span) => diagnostic.with_note(span, "it is declared here first"),
            None => diagnostic,
        });
    }
    if cluster.endpoints.is_empty() && lowering.errors() == errors {
        return Err(Diagnostic::error(word.span, format!("cluster '{name}' has no BalancerMember")));
    }
    lowering.conf.clusters.push(cluster);
    Ok(())
}

fn balancer_member(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let Some((url, parameters)) = node.args.split_first() else {
        return Err(Diagnostic::error(node.name.span, "BalancerMember takes an URL, then parameters")
            .with_help("write `BalancerMember http://host:port`"));
    };
    let mut weight = 1;
    for word in parameters {
        match word.text.split_once('=') {
            Some(("loadfactor", value)) => {
                weight = number(&Word { text: value.to_owned(), span: word.span }, 1, 1000)?;
            }
            _ => {
                let name = word.text.split('=').next().unwrap_or_default();
                let message = format!("BalancerMember has no parameter `{name}`");
                return Err(Diagnostic::error(word.span, message).with_help("it has loadfactor=N alone"));
            }
        }
    }
    let Some(cluster) = lowering.cluster() else { return Ok(()) };
    cluster.add(&url.text, weight, Some(url.span)).map_err(|message| Diagnostic::error(url.span, message))
}

/// The module may be named in any of its three forms; the cluster may be anybody's.
fn lb_method(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let (cluster, module) = (arg(node, 0)?, arg(node, 1)?);
    check_cluster_name(&cluster.text).map_err(|message| Diagnostic::error(cluster.span, message))?;
    let ident = loaded_module(lowering, module)?;
    if let Some(first) = lowering.conf.lb_methods.iter().find(|method| method.cluster == cluster.text) {
        let message = format!("cluster '{}' has an LBMethod already: {}", cluster.text, first.module);
        return Err(Diagnostic::error(cluster.span, message).with_note(first.span, "the first is here"));
    }
    let method = LbMethod { cluster: cluster.text.clone(), module: ident, span: node.span() };
    lowering.conf.lb_methods.push(method);
    Ok(())
}

/// The cluster may be anybody's.
fn lb_hash_key(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let (cluster, source) = (arg(node, 0)?, arg(node, 1)?);
    check_cluster_name(&cluster.text).map_err(|message| Diagnostic::error(cluster.span, message))?;
    let Some(key) = HashSource::parse(&source.text) else {
        let message = format!("`{}` is nothing that a request could be hashed by", source.text);
        return Err(Diagnostic::error(source.span, message)
            .with_help("write client, uri, header:NAME or cookie:NAME"));
    };
    if let Some(first) = lowering.conf.hash_keys.iter().find(|key| key.cluster == cluster.text) {
        let message = format!("cluster '{}' has an LBHashKey already", cluster.text);
        return Err(Diagnostic::error(cluster.span, message).with_note(first.span, "the first is here"));
    }
    lowering.conf.hash_keys.push(LbHashKey { cluster: cluster.text.clone(), source: key, span: node.span() });
    Ok(())
}
