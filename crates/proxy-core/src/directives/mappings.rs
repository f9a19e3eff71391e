//! Where paths lead: ProxyPass, the routing directives of modules, and ProxyPassReverse.

use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node, Word};

use super::hosts::prefix;
use crate::conf::{MapTarget, Mapping, Reverse};
use crate::directive::{ANY_REQUEST, Directive};
use crate::lower::Lowering;
use crate::origin::{Origin, parse_url};
use crate::registration::check_cluster_name;

inventory::submit!(Directive::line(
    "ProxyPass",
    ANY_REQUEST,
    Args::Route,
    "passes requests below a path to an URL or to balancer://cluster, or with ! to none",
    |lowering, node| route(lowering, node, url)
));
inventory::submit!(Directive::line(
    "ProxyPassReverse",
    ANY_REQUEST,
    Args::Take12,
    "renames what an endpoint calls itself in Location fields: a path and an URL",
    reverse
));

/// Enters a mapping: path and target, or the target alone inside a Location, whose path it then is. `target` says
/// what the target's word means.
pub(crate) fn route(
    lowering: &mut Lowering<'_>,
    node: &Node,
    target: impl FnOnce(&Word) -> Result<MapTarget, Diagnostic>,
) -> Result<(), Diagnostic> {
    let name = &node.name.text;
    let inside = lowering.location().map(|location| location.path.clone());
    let (path, word, rest) = match (&inside, node.args.as_slice()) {
        (Some(path), [word, rest @ ..]) => (path.clone(), word, rest),
        (None, [path, word, rest @ ..]) => (prefix(path)?, word, rest),
        _ => return Err(Diagnostic::error(node.name.span, format!("{name} takes a path and a target"))),
    };
    if inside.is_some() && word.text.starts_with('/') {
        let message = format!("{name} takes no path inside <Location>: the section's own is meant");
        return Err(Diagnostic::error(word.span, message));
    }
    if let Some(parameter) = rest.first() {
        return Err(unknown_parameter(name, parameter));
    }
    let target = if word.text == "!" { MapTarget::Exclude } else { target(word)? };
    warn_of_slashes(lowering, &path, &target, word);
    let mapping = Mapping { prefix: path, target, span: node.span() };
    let list = lowering.mappings();
    if let (Some(_), Some(first)) = (&inside, list.first()) {
        let diagnostic = Diagnostic::error(node.name.span, "this <Location> has a mapping already");
        return Err(diagnostic.with_note(first.span, "the first is here"));
    }
    list.push(mapping);
    Ok(())
}

fn unknown_parameter(directive: &str, word: &Word) -> Diagnostic {
    let name = word.text.split('=').next().unwrap_or_default();
    let instead = match name.to_ascii_lowercase().as_str() {
        "timeout" => "write `ProxyTimeout` on a line of its own",
        "connectiontimeout" => "write `ProxyConnectTimeout` on a line of its own",
        "maxattempts" => "write `MaxTries` on a line of its own",
        "lbmethod" => "write `LBMethod CLUSTER MODULE` on a line of its own",
        "loadfactor" => "write it behind the BalancerMember",
        "nocanon" => "leave it out: the path goes on as the client sent it anyway",
        _ => "leave it out",
    };
    Diagnostic::error(word.span, format!("{directive} has no parameter `{name}`")).with_help(instead)
}

/// An URL, or a cluster by `balancer://name[/path]`; both replace the prefix.
fn url(word: &Word) -> Result<MapTarget, Diagnostic> {
    let error = |message: String| Diagnostic::error(word.span, message);
    if let Some(rest) = word.text.strip_prefix("balancer://") {
        let (symbol, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        check_cluster_name(symbol).map_err(error)?;
        let path = Some(check_path(word, path)?);
        return Ok(MapTarget::Cluster { symbol: symbol.to_owned(), path, owner: None });
    }
    if !word.text.contains("://") && check_cluster_name(&word.text).is_ok() {
        let message = format!("`{}` is not an URL", word.text);
        return Err(Diagnostic::error(word.span, message)
            .with_help(format!("write http://host[:port], or for a cluster balancer://{}", word.text)));
    }
    let (origin, path) = parse_url(&word.text).map_err(|fault| error(fault.to_string()))?;
    Ok(MapTarget::Origin { origin, path: path.to_owned() })
}

/// A cluster's name, with a path that replaces the prefix or without: what the routes of the module `owner` lead to.
pub(crate) fn symbol(word: &Word, owner: &str) -> Result<MapTarget, Diagnostic> {
    if word.text.contains("://") {
        let message = format!("`{}` is an URL where the name of a cluster is wanted", word.text);
        return Err(Diagnostic::error(word.span, message).with_help("use `ProxyPass` for an URL"));
    }
    let (symbol, path) = match word.text.find('/') {
        Some(slash) => (&word.text[..slash], Some(check_path(word, &word.text[slash..])?)),
        None => (word.text.as_str(), None),
    };
    check_cluster_name(symbol).map_err(|message| Diagnostic::error(word.span, message))?;
    Ok(MapTarget::Cluster { symbol: symbol.to_owned(), path, owner: Some(owner.to_owned()) })
}

/// What replaces a prefix goes into request lines, where blanks and the like cannot stand.
fn check_path(word: &Word, path: &str) -> Result<String, Diagnostic> {
    if path.bytes().all(|byte| byte > b' ' && byte < 0x7f && !matches!(byte, b'?' | b'#' | b'\\')) {
        return Ok(path.to_owned());
    }
    let message = format!("the path of `{}` holds a character that must be percent-encoded", word.text);
    Err(Diagnostic::error(word.span, message))
}

/// The prefix is replaced as it stands, so `/a/` and `/b` make `/bx` of `/a/x`.
fn warn_of_slashes(lowering: &mut Lowering<'_>, prefix: &[u8], target: &MapTarget, word: &Word) {
    let path = match target {
        MapTarget::Origin { path, .. } => path,
        MapTarget::Cluster { path: Some(path), .. } => path,
        _ => return,
    };
    if prefix.ends_with(b"/") && !path.is_empty() && !path.ends_with('/') {
        let prefix = String::from_utf8_lossy(prefix);
        let message =
            format!("'{prefix}' ends with a slash and '{path}' does not: {prefix}x becomes {path}x");
        lowering.report(Diagnostic::warning(word.span, message).with_help("end both with a slash, or none"));
    }
}

/// What an endpoint says of itself: a path, or an URL, in which the socket that it listens at has no place.
fn internal(word: &Word) -> Result<String, Diagnostic> {
    let text = word.text.as_str();
    if text.starts_with('/') {
        return Ok(text.to_owned());
    }
    let MapTarget::Origin { origin: Origin { socket: Some(_), .. }, .. } = url(word)? else {
        return Ok(text.to_owned());
    };
    // A socket's path ends with the first bar.
    let behind = text.split_once('|').map_or(text, |(_, behind)| behind);
    let behind = if behind.eq_ignore_ascii_case("http:") { "http://localhost" } else { behind };
    Ok(behind.to_owned())
}

fn reverse(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let inside = lowering.location().map(|location| String::from_utf8_lossy(&location.path).into_owned());
    let (path, word) = match (inside, node.args.as_slice()) {
        (Some(path), [url]) => (path, url),
        (None, [path, url]) => (String::from_utf8_lossy(&prefix(path)?).into_owned(), url),
        (Some(_), _) => {
            let message = "ProxyPassReverse takes no path inside <Location>: the section's own is meant";
            return Err(Diagnostic::error(node.name.span, message));
        }
        (None, _) => {
            return Err(Diagnostic::error(node.name.span, "ProxyPassReverse takes a path and an URL"));
        }
    };
    let reverse = Reverse { path, url: internal(word)?, span: node.span() };
    lowering.reverses().push(reverse);
    Ok(())
}
