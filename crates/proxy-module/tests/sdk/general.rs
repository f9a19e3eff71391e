//! The general form of a module: hooks, their order, and what they answer.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use proxy_module::abi::{self, Bytes, RequestIn, Status, Unit, flags};
use proxy_module::prelude::*;

use crate::fake_host::{Desk, Node, Running, STATIC, request};

struct Guard;

impl Module for Guard {
    type Config = ();

    fn new((): (), _init: &mut Init<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<AccessChecker>()?;
        hooks.implement::<Fixups>()
    }
}

impl Implements<AccessChecker> for Guard {
    const ORDER: i32 = order::FIRST;
    const BEFORE: &'static [&'static str] = &["late_module"];

    fn call(&self, cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        let request = Request::from(input.request);
        match request.path() {
            b"/forbidden" => Ok(Answer::Http(403)),
            b"/0" => Ok(Answer::Http(0)),
            b"/1" => Ok(Answer::Http(1)),
            b"/600" => Ok(Answer::Http(600)),
            b"/error" => Err(Error::msg("no access today")),
            b"/panic" => panic!("no access at {}", cx.now_ns()),
            _ if request.field("host") == Some(b"a.example") => Ok(Answer::Ok),
            _ => Ok(Answer::Decline),
        }
    }
}

impl Implements<Fixups> for Guard {
    fn call(&self, _cx: &Cx<'_>, _input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        Ok(Answer::Decline)
    }
}

proxy_module::module!(guard_module: init Guard);
proxy_module::module!(threaded_module: init Guard, threads);

#[test]
fn threads_are_declared_by_a_word() {
    assert_eq!(
        [guard_module.flags & flags::THREADS, threaded_module.flags & flags::THREADS],
        [0, flags::THREADS]
    );
}

#[test]
fn hooks_answer_by_status() {
    let running = Running::begin(&guard_module, &Node::Null).unwrap();
    let answer = |path| running.call::<AccessChecker>(&RequestIn::new(&request(path)), &mut Unit::default());
    assert_eq!(answer("/forbidden"), (Status::http(403), String::new()));
    for (path, number) in [("/0", 0), ("/1", 1), ("/600", 600)] {
        let text = format!("answered {number}, which is no HTTP status: use 100 to 599");
        assert_eq!((answer(path), Status::http(number)), ((Status::ERROR, text), Status::ERROR));
    }
    assert_eq!(answer("/error"), (Status::ERROR, "no access today".to_owned()));
    assert_eq!(answer("/"), (Status::OK, String::new()));
    let (status, text) = answer("/panic");
    assert_eq!(status, Status::PANICKED);
    assert!(text.starts_with("panicked") && text.ends_with(": no access at 2"), "{text}");
    let fixed = running.call::<Fixups>(&RequestIn::new(&request("/")), &mut Unit::default());
    assert_eq!(fixed.0, Status::DECLINED);
}

#[test]
fn order_and_neighbours_are_registered() {
    let running = Running::begin(&guard_module, &Node::Null).unwrap();
    let checker = running.hook("proxy.access_checker");
    assert_eq!((checker.order, checker.before), (0, vec!["late_module".to_owned()]));
    assert_eq!(running.hook("proxy.fixups").order, 10);
}

#[test]
fn refused_registration_is_left_to_the_host_to_tell_and_leaks_no_instance() {
    struct Counted;
    static MADE: AtomicU32 = AtomicU32::new(0);
    impl Module for Counted {
        type Config = ();
        fn new((): (), _init: &mut Init<'_>) -> Result<Self> {
            MADE.fetch_add(1, Relaxed);
            Ok(Self)
        }
        fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
            hooks.implement::<Fixups>()
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            MADE.fetch_sub(1, Relaxed);
        }
    }
    impl Implements<Fixups> for Counted {
        fn call(&self, _cx: &Cx<'_>, _input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
            Ok(Answer::Ok)
        }
    }
    proxy_module::module!(counted_module: init Counted);

    let desk = Desk::default();
    desk.refuse.set("hook");
    let refused = Running::begin_with(&counted_module, &Node::Null, &STATIC, desk).unwrap_err();
    assert_eq!((refused.status, refused.message.as_str()), (Status::ERROR, ""));
    assert_eq!(MADE.load(Relaxed), 0);
    drop(Running::begin(&counted_module, &Node::Null).unwrap());
    assert_eq!(MADE.load(Relaxed), 0);
}

#[test]
fn a_panic_in_hooks_and_another_in_the_instances_drop_are_one_answer() {
    struct Bomb;
    impl Module for Bomb {
        type Config = ();
        fn new((): (), _init: &mut Init<'_>) -> Result<Self> {
            Ok(Self)
        }
        fn hooks(_: &mut Hooks<'_, Self>) -> Result<()> {
            panic!("in hooks");
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    proxy_module::module!(bomb_module: init Bomb);

    let refused = Running::begin(&bomb_module, &Node::Null).unwrap_err();
    assert_eq!(refused.status, Status::PANICKED);
    assert!(refused.message.ends_with(": in hooks"), "{}", refused.message);
}

proxy_module::abi::crossing! {
    /// Whom to locate.
    struct LocateIn<'a> {
        /// Bytes of this struct.
        size: u32,
        /// As the client wrote it.
        address: Bytes<'a>,
        /// Written for ever, borrowed for the call all the same.
        request: &'static abi::Request<'static>,
    }
}

proxy_module::abi::crossing! {
    /// Where it is.
    struct LocateOut {
        /// Bytes of this struct.
        size: u32,
        /// Metres above the sea.
        height: i32,
    }
}

/// A hook of a module's own, declared without unsafe code.
struct Locate;

impl HookSpec for Locate {
    const NAME: &'static str = "com.example.locate";
    const REVISION: u32 = 12;
    const KIND: abi::HookKind = abi::HookKind::FIRST;
    const DOC: &'static str = "finds places";
    type In = LocateIn<'static>;
    type Out = LocateOut;
}

#[test]
fn a_modules_own_hook_is_known_by_its_structs() {
    struct Height;
    impl Module for Height {
        type Config = ();
        fn new((): (), init: &mut Init<'_>) -> Result<Self> {
            init.declare::<Locate>()?;
            Ok(Self)
        }
        fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
            hooks.implement::<Locate>()
        }
    }
    impl Implements<Locate> for Height {
        fn call(&self, _cx: &Cx<'_>, input: &LocateIn<'_>, out: &mut LocateOut) -> Result<Answer> {
            out.height = input.address.as_slice().len() as i32 + input.request.version as i32;
            Ok(Answer::Ok)
        }
    }
    proxy_module::module!(height_module: init Height);

    assert_eq!(
        abi::layout_of::<Locate>(),
        "com.example.locate/12 LocateIn{u32 size;Bytes address;Request* request} -> LocateOut{u32 size;i32 height}"
    );
    let running = Running::begin(&height_module, &Node::Null).unwrap();
    let request = request("/");
    let mut out = LocateOut { size: size_of::<LocateOut>() as u32, height: 0 };
    let input =
        LocateIn { size: size_of::<LocateIn<'_>>() as u32, address: Bytes::of("abc"), request: &request };
    assert_eq!(running.call::<Locate>(&input, &mut out).0, Status::OK);
    assert_eq!((out.height, input.size, out.size), (14, 32, 8));
}

#[test]
fn a_spec_of_other_structs_is_another_hook() {
    struct Mistaken;
    impl HookSpec for Mistaken {
        const NAME: &'static str = Fixups::NAME;
        const REVISION: u32 = Fixups::REVISION;
        const KIND: abi::HookKind = Fixups::KIND;
        const DOC: &'static str = "";
        type In = LocateIn<'static>;
        type Out = Unit;
    }
    assert_ne!(abi::signature_of::<Mistaken>(), abi::signature_of::<Fixups>());
}
