//! What clients may take: Limit…, RequestReadTimeout, ResponseWriteTimeout, Timeout, KeepAlive…, MaxConnections and
//! OverloadDelay.

use std::time::Duration;

use proxy_config::args::{Args, parse_flag};
use proxy_config::{Diagnostic, Node, Word};

use super::server::at_least;
use super::{arg, number};
use crate::directive::{ANY_REQUEST, Directive, GLOBAL, HOSTS};
use crate::limits::{ClientLimits, Pace};
use crate::lower::Lowering;

inventory::submit!(Directive::line(
    "LimitRequestLine",
    HOSTS,
    Args::Take1,
    "how many bytes a request line may have; 8192 by default, beyond it the answer is 414",
    line
));
inventory::submit!(Directive::line(
    "LimitRequestFieldSize",
    HOSTS,
    Args::Take1,
    "how many bytes one field of a request may have; 8192 by default, beyond it the answer is 431",
    field_size
));
inventory::submit!(Directive::line(
    "LimitRequestFields",
    HOSTS,
    Args::Take1,
    "how many fields a request may have, up to 128 (0 = 128); 100 by default, beyond it the answer is 431",
    fields
));
inventory::submit!(Directive::line(
    "LimitRequestBody",
    ANY_REQUEST,
    Args::Take1,
    "how many bytes a request's body may have (0 = no limit); 1 GiB by default, beyond it the answer is 413",
    body
));
inventory::submit!(Directive::line(
    "RequestReadTimeout",
    HOSTS,
    Args::Iterate,
    "how long head and body of a request may take, header=MIN[-MAX][,MinRate=BYTES] body=… in seconds (0 = no \
     limit); header=10 body=20,MinRate=500 by default",
    read_timeout
));
inventory::submit!(Directive::line(
    "ResponseWriteTimeout",
    HOSTS,
    Args::Take1,
    "how long a client may keep its response waiting, MIN[-MAX][,MinRate=BYTES] in seconds (0 = no limit); \
     60,MinRate=500 by default",
    write_timeout
));
inventory::submit!(Directive::line(
    "Timeout",
    HOSTS,
    Args::Take1,
    "how long a client may send or take nothing at all, and ProxyTimeout's default, in seconds unless a unit is \
     given; 60s by default",
    timeout
));
inventory::submit!(Directive::line(
    "KeepAlive",
    HOSTS,
    Args::Flag,
    "whether a connection takes more than one request; On by default",
    keep_alive
));
inventory::submit!(Directive::line(
    "KeepAliveTimeout",
    HOSTS,
    Args::Take1,
    "how long a connection is kept for its next request, in seconds unless a unit is given; 5s by default",
    keep_alive_timeout
));
inventory::submit!(Directive::line(
    "MaxKeepAliveRequests",
    HOSTS,
    Args::Take1,
    "how many requests one connection may bring (0 = no limit); no limit by default",
    keep_alive_requests
));
inventory::submit!(Directive::line(
    "MaxConnections",
    GLOBAL,
    Args::Take1,
    "how many clients may be connected, others get 503 at once; by default what the limit of open files bears",
    connections
));
inventory::submit!(Directive::line(
    "OverloadDelay",
    GLOBAL,
    Args::Take1,
    "how long a new connection may have to wait while executors have more to do than they can, others get 503 at once, in \
     seconds unless a unit is given, or off; 200ms by default",
    overload_delay
));

fn line(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.client().line = Some(bytes(node)?);
    Ok(())
}

fn field_size(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.client().field = Some(bytes(node)?);
    Ok(())
}

/// A size of one line of a head.
fn bytes(node: &Node) -> Result<usize, Diagnostic> {
    let (word, name) = (arg(node, 0)?, &node.name.text);
    let bytes = whole(word)
        .ok_or_else(|| complaint(word, format!("{name} \"{}\" must be a non-negative integer", word.text)))?;
    let most = ClientLimits::MOST_LINE;
    match u32::try_from(bytes) {
        Ok(bytes) if (1..=most).contains(&bytes) => Ok(bytes as usize),
        _ => Err(complaint(word, format!("{name} \"{}\" is out of range: 1 to {most} bytes", word.text))),
    }
}

fn fields(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let fields = whole(word).ok_or_else(|| {
        let text = &word.text;
        complaint(
            word,
            format!("LimitRequestFields \"{text}\" must be a non-negative integer (0 = no limit)"),
        )
    })?;
    let most = ClientLimits::MOST_FIELDS;
    let fields = match u32::try_from(fields) {
        Ok(0) => most,
        Ok(fields) if fields <= most => fields,
        _ => {
            let message = format!("LimitRequestFields \"{}\" is out of range: at most {most}", word.text);
            return Err(complaint(word, message));
        }
    };
    lowering.client().fields = Some(fields as usize);
    Ok(())
}

fn body(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let limit =
        whole(word).ok_or_else(|| complaint(word, "LimitRequestBody requires a non-negative integer"))?;
    lowering.overrides().body_limit = Some((limit > 0).then_some(limit));
    Ok(())
}

fn timeout(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.client().timeout = Some(at_least(arg(node, 0)?, LEAST, "1ms")?);
    Ok(())
}

fn keep_alive(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.client().keep_alive = Some(parse_flag(arg(node, 0)?)?);
    Ok(())
}

fn keep_alive_timeout(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.client().keep_alive_timeout = Some(at_least(arg(node, 0)?, LEAST, "1ms")?);
    Ok(())
}

fn keep_alive_requests(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let most = number(arg(node, 0)?, 0, u32::MAX)?;
    lowering.client().keep_alive_requests = Some((most > 0).then_some(most));
    Ok(())
}

fn connections(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    lowering.conf.max_connections = Some(number(arg(node, 0)?, 1, 10_000_000)? as usize);
    Ok(())
}

fn overload_delay(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let is_off = word.text.eq_ignore_ascii_case("off");
    lowering.conf.overload_delay = if is_off { None } else { Some(at_least(word, LEAST, "1ms")?) };
    Ok(())
}

/// The shortest time that any of these may be.
const LEAST: Duration = Duration::from_millis(1);

fn read_timeout(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    for word in &node.args {
        let Some((key, value)) = word.text.split_once('=') else {
            let message = "Invalid RequestReadTimeout parameter. Parameter must be in form 'key=value'";
            return Err(complaint(word, message));
        };
        let fault = |reason: String| complaint(word, format!("RequestReadTimeout: {key}={value}: {reason}"));
        match key.to_ascii_lowercase().as_str() {
            "header" => lowering.client().header = Some(pace(value).map_err(fault)?),
            "body" => lowering.client().body = Some(pace(value).map_err(fault)?),
            "handshake" => {
                pace(value).map_err(fault)?;
                let message = "`handshake=` has no effect: this server speaks no TLS yet";
                lowering.report(Diagnostic::warning(word.span, message));
            }
            _ => return Err(fault("Unknown RequestReadTimeout parameter".to_owned())),
        }
    }
    Ok(())
}

fn write_timeout(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let word = arg(node, 0)?;
    let fault = |reason: String| complaint(word, format!("ResponseWriteTimeout: {}: {reason}", word.text));
    lowering.client().response = Some(pace(&word.text).map_err(fault)?);
    Ok(())
}

/// `MIN`, `MIN,MinRate=N` or `MIN-MAX,MinRate=N`, with mod_reqtimeout's complaints.
fn pace(text: &str) -> Result<Pace, String> {
    const RATE: &str = ",minrate=";
    let Some(at) = text.to_ascii_lowercase().find(RATE) else {
        if text.contains('-') {
            return Err("Must set MinRate option if using timeout range".to_owned());
        }
        return Ok(Pace::seconds(seconds(text)?.into()));
    };
    let min_rate = seconds(&text[at + RATE.len()..])?;
    if min_rate == 0 {
        return Err("Minimum data rate must be larger than 0".to_owned());
    }
    let (first, most) = match text[..at].split_once('-') {
        Some((first, most)) => (first, Some(seconds(most)?)),
        None => (&text[..at], None),
    };
    let (first, most) = (seconds(first)?, most.filter(|most| *most > 0));
    if most.is_some_and(|most| first >= most) {
        return Err("Maximum timeout must be larger than initial timeout".to_owned());
    }
    let most = most.map(|most| Duration::from_secs(most.into()));
    Ok(Pace { most, min_rate: Some(min_rate), ..Pace::seconds(first.into()) })
}

/// A number as mod_reqtimeout reads one.
fn seconds(text: &str) -> Result<u32, String> {
    let digits = text.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(text.len());
    if digits == 0 {
        return Err(format!("Value '{text}' not numerical"));
    }
    text.parse().map_err(|_| format!("Cannot parse '{text}'"))
}

/// Digits and nothing else.
fn whole(word: &Word) -> Option<u64> {
    let digits_only = word.text.bytes().all(|byte| byte.is_ascii_digit());
    word.text.parse().ok().filter(|_| digits_only)
}

fn complaint(word: &Word, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(word.span, message)
}
