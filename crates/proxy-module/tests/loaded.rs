//! A module that was loaded as a file: its `tracing` lines and its panics reach the server's log.
//!
//! One test in a binary of its own, since subscriber and panic hook belong to the whole process.

#[path = "sdk/fake_host/mod.rs"]
mod fake_host;

use std::sync::atomic::Ordering::Relaxed;

use proxy_module::abi::{Level, RequestIn, Status, Unit};
use proxy_module::prelude::*;

use fake_host::{Desk, LOADED, Line, MAX_LEVEL, Node, Running, lines, request};

struct Talkative;

impl Module for Talkative {
    type Config = ();

    fn new((): (), _init: &mut Init<'_>) -> Result<Self> {
        info!(answer = 42, name = "x", "begins with {}", 'y');
        Ok(Self)
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<Fixups>()
    }
}

impl Implements<Fixups> for Talkative {
    fn call(&self, _cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        debug!("a detail");
        assert!(Request::from(input.request).path() != b"/panic", "out loud");
        Ok(Answer::Ok)
    }
}

proxy_module::module!(talkative_module: init Talkative);

#[test]
fn lines_and_panics_reach_the_servers_log() {
    let running = Running::begin_with(&talkative_module, &Node::Null, &LOADED, Desk::default()).unwrap();
    let line = only_line();
    assert_eq!((line.module.as_str(), line.level), ("talkative_module", Level::INFO.0));
    assert_eq!((line.target.as_str(), line.message.as_str()), ("loaded", "begins with y"));
    assert!(line.file.ends_with("loaded.rs"), "{line:?}");
    let text = |text: &str| text.to_owned();
    assert_eq!(line.fields, [(text("answer"), text("42")), (text("name"), text("x"))]);

    let run = |path| running.call::<Fixups>(&RequestIn::new(&request(path)), &mut Unit::default());
    run("/");
    assert!(lines().is_empty(), "a detail is too much at level info");
    MAX_LEVEL.store(Level::DEBUG.0 as u8, Relaxed);
    run("/");
    assert_eq!(only_line().message, "a detail");
    MAX_LEVEL.store(Level::INFO.0 as u8, Relaxed);

    let (status, error) = run("/panic");
    assert_eq!(status, Status::PANICKED);
    assert!(error.starts_with("panicked at ") && error.contains("loaded.rs:"), "{error}");
    assert!(error.ends_with(": out loud"), "{error}");
    let line = only_line();
    assert_eq!((line.level, line.target.as_str()), (Level::ERROR.0, "panic"));
    assert_eq!(line.message, "panicked: out loud");
    assert!(line.file.ends_with("loaded.rs"), "{line:?}");
}

fn only_line() -> Line {
    let mut lines = lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}
