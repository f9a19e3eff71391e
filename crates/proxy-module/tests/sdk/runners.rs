//! Hooks that modules run: what comes of the answers, and that a runner serves its own instance alone.

use std::sync::{Arc, Mutex, PoisonError};

use proxy_module::abi::{HookKind, RequestIn, Status, Unit};
use proxy_module::prelude::*;

use crate::fake_host::{Node, RUNS, Running, Set, Trial, nowhere, request};

/// Two hooks; the host refuses to have the second one run.
struct Asked;
struct Refused;

impl HookSpec for Asked {
    const NAME: &'static str = "com.example.asked";
    const REVISION: u32 = 1;
    const KIND: HookKind = HookKind::KEYED;
    const DOC: &'static str = "answers as its key says";
    type In = Unit;
    type Out = Unit;
}

impl HookSpec for Refused {
    const NAME: &'static str = "com.example.refused";
    const REVISION: u32 = 1;
    const KIND: HookKind = HookKind::FIRST;
    const DOC: &'static str = "is run by the server alone";
    type In = Unit;
    type Out = Unit;
}

struct Asking {
    asked: Runner<Asked>,
}

/// Runs the hook with the path as its key, without the slash, and answers what came of it.
impl Asking {
    fn ask(&self, cx: &Cx<'_>, path: &[u8]) -> Result<Answer> {
        self.asked.run_keyed(cx, &path[1..], &Unit::default(), &mut Unit::default())
    }
}

impl Module for Asking {
    type Config = ();

    fn new((): (), init: &mut Init<'_>) -> Result<Self> {
        Ok(Self { asked: init.runs()? })
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<AccessChecker>()
    }
}

impl Implements<AccessChecker> for Asking {
    fn call(&self, cx: &Cx<'_>, input: &RequestIn<'_>, _: &mut Unit) -> Result<Answer> {
        self.ask(cx, Request::from(input.request).path())
    }
}

proxy_module::module!(asking_module: init Asking);

#[test]
fn answers_are_passed_on_and_failures_are_left_to_the_host_to_tell() {
    let running = Running::begin(&asking_module, &Node::Null).unwrap();
    let answer = |path| running.call::<AccessChecker>(&RequestIn::new(&request(path)), &mut Unit::default());
    let words = "the words of an implementation".to_owned();
    assert_eq!(answer("/"), (Status::DECLINED, String::new()), "nobody there");
    assert_eq!(answer("/0").0, Status::OK);
    assert_eq!(answer("/1").0, Status::DECLINED);
    assert_eq!(answer("/403").0, Status::http(403));
    // An error, a panic, a breach, and a number that nobody knows: whoever runs the hook has nothing to add.
    for failure in ["/-1", "/-2", "/-3", "/77"] {
        assert_eq!(answer(failure), (Status::ERROR, words.clone()), "{failure}");
    }
    let text = "com.example.asked is running already: it must not run itself";
    assert_eq!(answer("/-4"), (Status::ERROR, text.to_owned()));
}

/// Where a module keeps what it should not: the runner of its first instance.
static KEPT: Mutex<Option<Arc<Runner<Asked>>>> = Mutex::new(None);

struct Keeping {
    own: Runner<Asked>,
}

impl Keeping {
    /// What the kept runner says, and what the instance's own one does.
    fn ask(&self, cx: &Cx<'_>) -> Result<()> {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).clone().expect("kept by the first");
        let before = RUNS.get();
        let error = kept.run(cx, &Unit::default(), &mut Unit::default()).unwrap_err();
        assert_eq!(error.message(), "com.example.asked is run by a runner of another instance");
        assert_eq!(RUNS.get(), before, "the host was not asked: what it would look at is gone");
        assert_eq!(self.own.run(cx, &Unit::default(), &mut Unit::default())?, Answer::Decline);
        assert_eq!(RUNS.get(), before + 1);
        Ok(())
    }
}

impl Balancer for Keeping {
    type Config = ();
    type Walk = ();

    fn new((): (), init: &mut Init<'_>) -> Result<Self> {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(Arc::new(init.runs()?));
        Ok(Self { own: init.runs()? })
    }

    fn begin(&self, request: &Request<'_>, _: &Endpoints<'_>) -> Result<Begin<()>> {
        self.ask(&request.cx().expect("a request to balance has its circumstances"))?;
        Ok(Begin::Trylist(()))
    }

    fn next(&self, (): &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        self.ask(&attempt.cx())?;
        Ok(Next::Exhausted)
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<AccessChecker>()
    }
}

impl Implements<AccessChecker> for Keeping {
    fn call(&self, cx: &Cx<'_>, _: &RequestIn<'_>, _: &mut Unit) -> Result<Answer> {
        self.ask(cx)?;
        Ok(Answer::Ok)
    }
}

proxy_module::module!(runner_keeping_module: balancer Keeping);

/// The slot behind a runner ends with its generation: through one that was kept past it, memory would be read that is
/// no longer there.
#[test]
fn a_runner_serves_the_calls_of_its_own_instance_alone() {
    drop(Running::begin(&runner_keeping_module, &Node::Null).unwrap());
    let running = Running::begin(&runner_keeping_module, &Node::Null).unwrap();
    let set = Set::new(&running, 1, &[0]);
    for set in [set.get(), &nowhere()] {
        let mut trial = Trial::begin(&running, &request("/"), set).unwrap();
        assert_eq!(trial.next().unwrap_err(), Status::DONE, "{}", trial.error());
    }
    let checked = running.call::<AccessChecker>(&RequestIn::new(&request("/")), &mut Unit::default());
    assert_eq!(checked, (Status::OK, String::new()));
}

#[test]
fn a_hook_that_the_server_does_not_lend_refuses_the_start() {
    struct Wanting;
    impl Module for Wanting {
        type Config = ();
        fn new((): (), init: &mut Init<'_>) -> Result<Self> {
            let runner: Result<Runner<Refused>> = init.runs();
            assert_eq!(
                runner.as_ref().unwrap_err().message(),
                "the server refused to have com.example.refused run"
            );
            runner.map(|_| Self)
        }
        fn hooks(_: &mut Hooks<'_, Self>) -> Result<()> {
            Ok(())
        }
    }
    proxy_module::module!(wanting_module: init Wanting);

    let refused = Running::begin(&wanting_module, &Node::Null).unwrap_err();
    assert_eq!((refused.status, refused.message.as_str()), (Status::ERROR, ""), "the host has its own words");
}
