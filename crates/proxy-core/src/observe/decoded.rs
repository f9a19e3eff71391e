//! The structs of the server's own hooks, told field by field.

use proxy_abi as abi;
use proxy_abi::{
    AccessChecker, Failure, Fixups, HookSpec, In, LbIn, LogIn, LogTransaction, Outcome, OutcomeResult,
    PostReadRequest, RequestIn, ResponseHead, ResponseIn, Target,
};

use super::{Datum, Field};
use crate::cluster::Cluster;

/// A hook of which it can be told what its implementations were given.
pub trait Shown: HookSpec {
    /// What they were given.
    fn fields(input: &In<'_, Self>) -> Vec<Field>;
}

macro_rules! shown {
    ($($hook:ty => $fields:ident),*) => {$(
        impl Shown for $hook {
            fn fields(input: &In<'_, Self>) -> Vec<Field> {
                $fields(input)
            }
        }
    )*};
}

shown! {
    PostReadRequest => request,
    AccessChecker => request,
    Fixups => request,
    ResponseHead => response,
    LogTransaction => log
}

fn bytes(name: &'static str, value: abi::Bytes<'_>) -> Field {
    Field::text(name, value.as_slice())
}

fn request(input: &RequestIn<'_>) -> Vec<Field> {
    let request = input.request;
    let mut fields = vec![
        bytes("method", request.method),
        bytes("authority", request.authority),
        bytes("path", request.path),
        bytes("client", request.client),
    ];
    if !request.query.as_slice().is_empty() {
        fields.insert(3, bytes("query", request.query));
    }
    fields
}

/// Also of a trylist's `response_head`.
pub(crate) fn response(input: &ResponseIn<'_>) -> Vec<Field> {
    let mut fields = vec![Field::number("status", input.status), Field::number("tries", input.tries)];
    if input.index != u32::MAX {
        fields.push(Field::number("index", input.index));
    }
    fields.extend([bytes("endpoint", input.endpoint), bytes("cluster", input.cluster)]);
    fields
}

fn log(input: &LogIn<'_>) -> Vec<Field> {
    vec![
        Field::number("status", input.status),
        Field::number("tries", input.tries),
        bytes("endpoint", input.endpoint),
        Field::number("sent", input.sent),
        Field::number("received", input.received),
        Field::number("total_us", input.total_us),
    ]
}

/// The question of the hook `proxy.load_balance`, over `cluster`.
pub(crate) fn load_balance(input: &LbIn<'_>, cluster: &Cluster) -> Vec<Field> {
    let mut fields = vec![
        bytes("load_balancer_module_id", input.load_balancer_module_id),
        bytes("unparsed_uri", input.unparsed_uri),
        Field::text("cluster", cluster.name.as_bytes()),
        Field::number("endpoints", cluster.endpoints().len() as u64),
        Field::number("usable", cluster.usable().len() as u64),
        Field::number("max_attempts", input.max_attempts),
    ];
    if !input.hash_key.as_slice().is_empty() {
        fields.push(bytes("hash_key", input.hash_key));
        fields.push(Field { name: "hash".into(), value: Datum::Text(format!("{:016x}", input.hash)) });
    }
    fields
}

/// What `next` answered with OK.
pub(crate) fn next(target: &Target, cluster: &Cluster) -> Vec<Field> {
    let mut fields = endpoint(target.index, cluster);
    if target.flags & Target::AGAIN != 0 {
        fields.push(Field::number("again", 1_u32));
    }
    fields
}

/// What `report_failure` is told.
pub(crate) fn failure(failure: &Failure, cluster: &Cluster) -> Vec<Field> {
    let mut fields = endpoint(failure.index, cluster);
    fields.extend([
        Field::text("kind", failure.kind.name().as_bytes()),
        Field { name: "os_error".into(), value: Datum::Signed(failure.os_error.into()) },
        Field::number("elapsed_us", failure.elapsed_us),
    ]);
    fields
}

/// What `done` is told.
pub(crate) fn done(outcome: &Outcome, cluster: &Cluster) -> Vec<Field> {
    let mut fields = endpoint(outcome.index, cluster);
    fields.extend([
        Field::text("result", word(outcome.result).as_bytes()),
        Field::number("http_status", outcome.http_status),
        Field::number("connect_us", outcome.connect_us),
        Field::number("ttfb_us", outcome.ttfb_us),
        Field::number("total_us", outcome.total_us),
        Field::number("sent", outcome.sent),
        Field::number("received", outcome.received),
    ]);
    fields
}

/// By index, and by address if there is such a one.
fn endpoint(index: u32, cluster: &Cluster) -> Vec<Field> {
    let mut fields = vec![Field::number("index", index)];
    if let Some(endpoint) = cluster.endpoints().get(index as usize) {
        fields.push(Field::text("endpoint", endpoint.addr.as_bytes()));
    }
    fields
}

const fn word(result: OutcomeResult) -> &'static str {
    match result {
        OutcomeResult::OK => "OK",
        OutcomeResult::CONNECT => "CONNECT",
        OutcomeResult::UPSTREAM => "UPSTREAM",
        OutcomeResult::TIMEOUT => "TIMEOUT",
        OutcomeResult::CANCELLED => "CANCELLED",
        _ => "unknown",
    }
}
