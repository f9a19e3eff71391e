//! How an exchange ended: what the client is told, what the log says, what the balancer hears.

use proxy_abi::OutcomeResult;
use proxy_core::cluster::Endpoint;
use proxy_core::trylist::Trylist;
use tracing::{error, info};

use crate::flow::Stopped;
use crate::upstream::EndpointConnection;

/// Something went wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// What the client gets if it has got nothing yet.
    pub(crate) status: u16,
    /// What the answer's body says.
    pub(crate) detail: &'static str,
    /// The log's name for it.
    pub(crate) event: &'static str,
    /// The log's words for it.
    pub(crate) reason: &'static str,
    pub(crate) result: OutcomeResult,
}

impl Fault {
    pub(crate) const NO_ENDPOINT: Self = Self {
        status: 503,
        detail: "no endpoint can be reached",
        event: "cluster_down",
        reason: "no endpoint is left",
        result: OutcomeResult::CONNECT,
    };

    /// The endpoint's answer is no answer.
    pub(crate) const fn bad_response(reason: &'static str) -> Self {
        Self::upstream("bad_response", "the endpoint's answer cannot be understood", reason)
    }

    pub(crate) const HEAD_LIMIT: Self = Self::upstream(
        "response_head_limit",
        "the endpoint's answer cannot be understood",
        "head of the response is over a limit",
    );

    pub(crate) const INTERIM_LIMIT: Self = Self::upstream(
        "interim_limit",
        "the endpoint's answer cannot be understood",
        "more than 16 interim responses",
    );

    pub(crate) const CLOSED: Self = Self::upstream(
        "upstream_closed",
        "the endpoint closed the connection without an answer",
        "the endpoint closed the connection before the head of its response was complete",
    );

    pub(crate) const RESET: Self = Self::upstream(
        "upstream_reset",
        "the endpoint broke the connection",
        "the endpoint reset the connection before the head of its response was complete",
    );

    pub(crate) const TRUNCATED: Self = Self::upstream(
        "upstream_truncated",
        "the endpoint broke the connection",
        "the endpoint ended in the middle of its response",
    );

    pub(crate) const FIRST_BYTE: Self = Self::timeout("first_byte_timeout", "no answer within ProxyTimeout");

    pub(crate) const SEND: Self =
        Self::timeout("send_timeout", "the request was not taken within ProxyTimeout");

    pub(crate) const STALL: Self =
        Self::timeout("upstream_stall", "the response stopped for longer than ProxyTimeout");

    /// The client does not send the body that it announced.
    pub(crate) const SLOW_BODY: Self = Self {
        status: 408,
        detail: "the body was not sent in time",
        event: "client_stall",
        reason: "the client stopped in the middle of its request",
        result: OutcomeResult::CANCELLED,
    };

    /// The client's body is larger than it may be.
    pub(crate) const BODY_LIMIT: Self = Self {
        status: 413,
        detail: "the body is larger than LimitRequestBody allows",
        event: "body_limit",
        reason: "the body is larger than LimitRequestBody allows",
        result: OutcomeResult::CANCELLED,
    };

    /// The machine has no descriptor, or no memory, for one more connection.
    pub(crate) const DESCRIPTORS: Self = Self {
        status: 503,
        detail: "the server has too many connections",
        event: "fd_limit",
        reason: "no descriptor is left for a connection to an endpoint",
        result: OutcomeResult::CANCELLED,
    };

    /// The client's body is not what it announced, or larger than it may be.
    pub(crate) const fn bad_body(stopped: Stopped) -> Self {
        let reason = match stopped {
            Stopped::Malformed(reason) => reason,
            Stopped::TooLong => return Self::BODY_LIMIT,
            _ => "body is malformed",
        };
        Self { status: 400, detail: reason, event: "bad_request", reason, result: OutcomeResult::CANCELLED }
    }

    const fn upstream(event: &'static str, detail: &'static str, reason: &'static str) -> Self {
        Self { status: 502, detail, event, reason, result: OutcomeResult::UPSTREAM }
    }

    const fn timeout(event: &'static str, reason: &'static str) -> Self {
        let detail = "the endpoint did not answer in time";
        Self { status: 504, detail, event, reason, result: OutcomeResult::TIMEOUT }
    }
}

/// How an exchange ended.
pub(crate) enum Ending<'g> {
    /// The client has the whole response.
    Complete { close: bool },
    /// The endpoint agreed to change the protocol; the client has been told.
    Switched(EndpointConnection<'g>),
    /// And that is over.
    Tunnelled,
    /// A reused connection died before a byte of the response.
    Stale(Fault),
    /// The client has got nothing yet, but for interim responses.
    Refuse(Fault),
    /// The client has a part of the response, and must not take it for the whole.
    Cut(Fault),
    /// The client does not want it any more.
    ClientGone,
    /// The client has a part of the response and does not take the rest.
    ClientSlow,
}

impl Ending<'_> {
    pub(crate) const fn result(&self) -> OutcomeResult {
        match self {
            Self::Complete { .. } | Self::Switched(_) | Self::Tunnelled => OutcomeResult::OK,
            Self::Stale(fault) | Self::Refuse(fault) | Self::Cut(fault) => fault.result,
            Self::ClientGone | Self::ClientSlow => OutcomeResult::CANCELLED,
        }
    }

    /// One line for each fault.
    pub(crate) fn log(&self, endpoint: &Endpoint, trylist: &Trylist<'_>, req: u64) {
        let addr = &*endpoint.addr;
        let attempt = format_args!("{}/{}", trylist.attempts(), trylist.cluster().endpoints().len());
        match self {
            Self::Complete { .. } | Self::Switched(_) | Self::Tunnelled => {}
            Self::ClientGone => {
                info!(event = "client_abort", endpoint = addr, %attempt, req, "the client went away");
            }
            Self::ClientSlow => {
                info!(
                    event = "client_stall",
                    endpoint = addr,
                    %attempt,
                    req,
                    "the client did not take its response in time"
                );
            }
            Self::Stale(fault) | Self::Refuse(fault) | Self::Cut(fault)
                if fault.result == OutcomeResult::CANCELLED =>
            {
                info!(event = fault.event, endpoint = addr, %attempt, req, "{}", fault.reason);
            }
            Self::Stale(fault) | Self::Refuse(fault) | Self::Cut(fault) => {
                error!(event = fault.event, endpoint = addr, %attempt, req, "{}", fault.reason);
            }
        }
    }
}
