//! The page `/trace`: a stream of requests as they end, for as long as the reader stays.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame};
use proxy_config::nearest;
use proxy_core::generation::Generation;
use proxy_http::executor::Shared;
use serde_json::json;

use super::pages::Page;
use crate::trace::{Filter, Seen, Session};

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    filter: Filter,
    count: Option<u64>,
    as_json: bool,
}

const USAGE: &str =
    "write /trace?hook=NAME&request=NUMBER&count=NUMBER&format=text|json, each if it is wanted\n";

/// The stream, or why there is none.
pub(super) fn answer(query: &str, shared: &Shared) -> Result<Stream, Page> {
    let asked = Asked::parse(query)
        .map_err(|text| Page::text(StatusCode::BAD_REQUEST, format!("{text}; {USAGE}")))?;
    if let Some(hook) = &asked.filter.hook {
        known(hook, &shared.published.current().1).map_err(|text| Page::text(StatusCode::NOT_FOUND, text))?;
    }
    let session = Session::open(&shared.observation, asked.filter).map_err(|_| {
        let text = "as many traces are read as may be at a time: end one of them\n";
        Page::text(StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
    })?;
    Ok(Stream { session, left: asked.count, as_json: asked.as_json })
}

impl Asked {
    fn parse(query: &str) -> Result<Self, String> {
        let mut asked = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number = || match value.parse() {
                Ok(number @ 1_u64..) => Ok(number),
                _ => Err(format!("{key}={value} is not a number from 1 on")),
            };
            match (key, value) {
                ("hook", name) => asked.filter.hook = Some(name.to_owned()),
                ("request", _) => asked.filter.request = Some(number()?),
                ("count", _) => asked.count = Some(number()?),
                ("format", "json") => asked.as_json = true,
                ("format", "text") => asked.as_json = false,
                _ => return Err(format!("'{pair}' means nothing here")),
            }
        }
        Ok(asked)
    }
}

fn known(name: &str, generation: &Generation) -> Result<(), String> {
    let names = || generation.hook_table().hooks().iter().map(|hook| hook.name());
    if names().any(|hook| hook == name) {
        return Ok(());
    }
    let near = nearest(name, names()).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
    let all: Vec<&str> = names().collect();
    Err(format!("nobody declares or implements a hook '{name}'{near}\nHooks: {}\n", all.join(", ")))
}

/// The body. Ends after as many requests as were asked for, and otherwise never.
#[derive(Debug)]
pub(super) struct Stream {
    session: Session,
    left: Option<u64>,
    as_json: bool,
}

impl Stream {
    pub(super) const fn media_type(&self) -> &'static str {
        if self.as_json { "application/x-ndjson" } else { "text/plain; charset=utf-8" }
    }

    fn spell(&self, seen: &Seen) -> String {
        match (seen, self.as_json) {
            (Seen::Request(record), true) => format!("{}\n", record.json()),
            (Seen::Request(record), false) => record.to_string(),
            (Seen::Missed(count), true) => format!("{}\n", json!({ "missed": count })),
            (Seen::Missed(count), false) => {
                format!("{count} requests are missing here: the reader was slower than the server\n")
            }
        }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == Some(0) {
            return Poll::Ready(None);
        }
        let Poll::Ready(seen) = self.session.poll_next(cx) else { return Poll::Pending };
        if matches!(seen, Seen::Request(_)) {
            self.left = self.left.map(|left| left - 1);
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(self.spell(&seen))))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_or_named() {
        let filter = Filter { hook: Some("a.b".to_owned()), request: Some(7) };
        assert_eq!(
            Asked::parse("hook=a.b&request=7&count=2&format=json"),
            Ok(Asked { filter, count: Some(2), as_json: true })
        );
        assert_eq!(Asked::parse(""), Ok(Asked::default()));
        for (query, part) in [
            ("count=0", "count=0 is not a number"),
            ("request=x", "request=x is not a number"),
            ("format=xml", "'format=xml' means nothing"),
            ("hok=a", "'hok=a' means nothing"),
        ] {
            assert!(Asked::parse(query).unwrap_err().contains(part), "{query}");
        }
    }
}
