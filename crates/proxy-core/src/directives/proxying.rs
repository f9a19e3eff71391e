//! How requests are passed on: the settings that a server has and a `<Location>` may override.

use std::time::Duration;

use proxy_config::args::{Args, parse_flag};
use proxy_config::{Diagnostic, Node};

use super::server::at_least;
use super::{arg, number};
use crate::conf::Via;
use crate::directive::{ANY_REQUEST, Directive, HOSTS};
use crate::lower::Lowering;

inventory::submit!(Directive::line(
    "ProxyPreserveHost",
    ANY_REQUEST,
    Args::Flag,
    "whether the endpoint gets the client's Host, not its own name; Off by default",
    preserve_host
));
inventory::submit!(Directive::line(
    "ProxyAddHeaders",
    ANY_REQUEST,
    Args::Flag,
    "whether the endpoint is told of the client by X-Forwarded fields; On by default",
    add_headers
));
inventory::submit!(Directive::line(
    "ProxyVia",
    HOSTS,
    Args::Take1,
    "what becomes of the Via field: Off, On, Full or Block",
    via
));
inventory::submit!(Directive::line(
    "ProxyTimeout",
    ANY_REQUEST,
    Args::Take1,
    "how long an endpoint may be silent, in seconds unless a unit is given; 60s by default",
    timeout
));
inventory::submit!(Directive::line(
    "ProxyConnectTimeout",
    ANY_REQUEST,
    Args::Take1,
    "how long connecting to one endpoint may take, in seconds unless a unit is given; 2s by default",
    connect_timeout
));
inventory::submit!(Directive::line(
    "MaxTries",
    ANY_REQUEST,
    Args::Take1,
    "how many endpoints one request may try; by default all of its cluster",
    max_tries
));
inventory::submit!(Directive::line(
    "ProxyRequests",
    HOSTS,
    Args::Flag,
    "Off, as this server does no forward proxying",
    forward
));

fn preserve_host(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.overrides().preserve_host = Some(parse_flag(arg(node, 0)?)?);
    Ok(())
}

fn add_headers(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.overrides().add_headers = Some(parse_flag(arg(node, 0)?)?);
    Ok(())
}

fn via(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let via = match word.text.to_ascii_lowercase().as_str() {
        "off" => Via::Off,
        "on" => Via::On,
        "full" => Via::Full,
        "block" => Via::Block,
        _ => return Err(Diagnostic::error(word.span, "ProxyVia must be one of: Off, On, Full, Block")),
    };
    lowering.overrides().via = Some(via);
    Ok(())
}

/// The shortest time that any of these may be.
const LEAST: Duration = Duration::from_millis(1);

fn timeout(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.overrides().timeout = Some(at_least(arg(node, 0)?, LEAST, "1ms")?);
    Ok(())
}

fn connect_timeout(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.overrides().connect_timeout = Some(at_least(arg(node, 0)?, LEAST, "1ms")?);
    Ok(())
}

fn max_tries(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.overrides().max_tries = Some(number(arg(node, 0)?, 1, 10_000)?);
    Ok(())
}

fn forward(_: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    if parse_flag(word)? {
        let message = "ProxyRequests On is refused: this server does no forward proxying";
        return Err(
            Diagnostic::error(word.span, message).with_help("write `ProxyRequests Off`, or leave it out")
        );
    }
    Ok(())
}
