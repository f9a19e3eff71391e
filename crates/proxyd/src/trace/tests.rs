//! How requests are put together, chosen, shown and missed.

use std::time::Duration;

use proxy_abi::{EditOp, FieldAccess, Fields, Request, RequestParts, Status};
use proxy_core::observe::{Called, Field, Finished, Watcher};

use super::*;

struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, _: usize) -> Option<(&[u8], &[u8])> {
        None
    }
}

fn begin(watcher: &mut dyn Watcher, id: u64) {
    let parts = RequestParts {
        version: 11,
        id,
        method: b"GET",
        authority: b"a.example",
        path: b"/x",
        query: b"",
        unparsed_uri: b"/x",
        client: b"192.0.2.7",
    };
    watcher.begins(&Request::new(&parts, Fields::new(&NoFields)));
}

fn leave(watcher: &mut dyn Watcher, request: u64, hook: &str, function: Option<&'static str>) {
    let called = Called {
        request,
        hook,
        function,
        module: "m_module",
        status: Some(Status::OK),
        said: String::new(),
        input: vec![Field::number("attempt", 0_u32), Field::text("why", b"no \"way\"")],
        output: vec![Field::text("endpoint", b"h:1")],
    };
    watcher.leaves(&called, 12);
}

/// One request with a call that makes an edit and another call.
fn whole(watcher: &mut dyn Watcher, id: u64) {
    begin(watcher, id);
    watcher.enters();
    watcher.edits(EditOp::SET, b"X-A", b"1");
    watcher.enters();
    leave(watcher, id, "com.example.inner", None);
    leave(watcher, id, "proxy.load_balance", Some("next"));
    watcher.enters();
    leave(watcher, id, "proxy.fixups", None);
    watcher.ends(&Finished { request: id, status: 200, elapsed: Duration::from_micros(34) });
}

fn session(filter: Filter) -> (Arc<Observation>, Session, Box<dyn Watcher>) {
    let observation = observation();
    let session = Session::open(&observation, filter).unwrap();
    let watcher = session.observer.watcher(3);
    (observation, session, watcher)
}

fn next(session: &mut Session) -> Option<Seen> {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match session.poll_next(&mut cx) {
        Poll::Ready(seen) => Some(seen),
        Poll::Pending => None,
    }
}

fn record(session: &mut Session) -> Record {
    match next(session) {
        Some(Seen::Request(record)) => record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_a_tree() {
    let (_, mut session, mut watcher) = session(Filter::default());
    whole(&mut *watcher, 7);
    let record = record(&mut session);
    let fields = r#"; attempt=0 why="no \"way\"" -> endpoint=h:1"#;
    assert_eq!(
        record.to_string(),
        format!(
            "7  GET a.example /x from 192.0.2.7: 200 after 34 us on executor 3\n\
             \x20 proxy.load_balance next, m_module: OK in 12 ns{fields}\n\
             \x20   set X-A: 1\n\
             \x20   com.example.inner, m_module: OK in 12 ns{fields}\n\
             \x20 proxy.fixups, m_module: OK in 12 ns{fields}\n"
        )
    );
    let json = record.json();
    assert_eq!((&json["request"], &json["total_us"]), (&"7".into(), &34.into()));
    let call = &json["calls"][0];
    assert_eq!((&call["function"], &call["status"], &call["ns"]), (&"next".into(), &"OK".into(), &12.into()));
    assert_eq!(call["edits"][0]["name"], "X-A");
    assert_eq!(call["in"]["attempt"], 0);
    assert_eq!(call["calls"][0]["hook"], "com.example.inner");
    assert_eq!(json["calls"][1]["hook"], "proxy.fixups");
    assert!(next(&mut session).is_none());
}

#[test]
fn a_hook_is_shown_with_what_leads_there() {
    let shown = |hook: &str| {
        let filter = Filter { hook: Some(hook.to_owned()), request: None };
        let (_, mut session, mut watcher) = session(filter);
        whole(&mut *watcher, 7);
        let Some(Seen::Request(record)) = next(&mut session) else { return Vec::new() };
        record.calls.iter().map(|call| (call.hook.clone(), call.calls.len())).collect()
    };
    assert_eq!(shown("com.example.inner"), [("proxy.load_balance".to_owned(), 1)]);
    assert_eq!(shown("proxy.load_balance"), [("proxy.load_balance".to_owned(), 0)]);
    assert_eq!(shown("proxy.fixups"), [("proxy.fixups".to_owned(), 0)]);
    assert_eq!(shown("proxy.access_checker"), []);
}

#[test]
fn one_request_is_shown_alone_and_one_that_had_begun_not_at_all() {
    let (_, mut session, mut watcher) = session(Filter { hook: None, request: Some(8) });
    for id in [7, 8, 9] {
        whole(&mut *watcher, id);
    }
    assert_eq!(record(&mut session).request, 8);
    watcher.enters();
    leave(&mut *watcher, 8, "proxy.fixups", None);
    watcher.ends(&Finished { request: 8, status: 200, elapsed: Duration::ZERO });
    assert!(next(&mut session).is_none());
}

#[test]
fn what_a_slow_reader_misses_is_counted() {
    let (_, mut session, mut watcher) = session(Filter::default());
    for id in 1..=WAITING as u64 + 3 {
        whole(&mut *watcher, id);
    }
    assert!(matches!(next(&mut session), Some(Seen::Missed(3))));
    for id in 1..=WAITING as u64 {
        assert_eq!(record(&mut session).request, id);
    }
    assert!(next(&mut session).is_none());
}

#[test]
fn calls_and_requests_are_kept_within_bounds() {
    let (_, mut session, mut watcher) = session(Filter::default());
    begin(&mut *watcher, 1);
    for _ in 0..300 {
        watcher.enters();
        leave(&mut *watcher, 1, "proxy.load_balance", Some("next"));
    }
    watcher.ends(&Finished { request: 1, status: 200, elapsed: Duration::ZERO });
    let record = record(&mut session);
    assert_eq!((record.calls.len(), record.more), (256, 44));
    assert!(record.to_string().ends_with("  and 44 more calls\n"));
    for id in 0..1030 {
        begin(&mut *watcher, id);
    }
    assert!(matches!(next(&mut session), Some(Seen::Missed(6))));
}

#[test]
fn so_many_readers_and_no_more_until_one_leaves() {
    let observation = observation();
    let mut sessions: Vec<Session> =
        (0..Observation::MOST).map(|_| Session::open(&observation, Filter::default()).unwrap()).collect();
    assert!(Session::open(&observation, Filter::default()).is_err());
    sessions.pop();
    assert!(Session::open(&observation, Filter::default()).is_ok());
}
