//! Implements the five request hooks and logs each call with the request's path. Refuses `/forbidden` with 403.
//! For tests.
#![forbid(unsafe_code)]

use proxy_module::abi::{self, LogIn, RequestIn, ResponseIn, Unit};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// HooksPanicOn HOOK: panics in that hook, named as in the log: post_read_request and so on.
    #[directive(name = "HooksPanicOn", take1)]
    panic_on: Option<String>,
    /// HooksLoopOn HOOK: does not come back from it in requests for `/stuck`.
    #[directive(name = "HooksLoopOn", take1)]
    loop_on: Option<String>,
}

struct Hooked {
    panic_on: Option<String>,
    loop_on: Option<String>,
}

impl Hooked {
    fn called(&self, hook: &str, request: &abi::Request<'_>, status: u32) {
        let path = Request::from(request).path().escape_ascii();
        info!(status, "hook {hook} {path}");
        assert!(self.panic_on.as_deref() != Some(hook), "hooked {hook}");
        while path.clone().eq(b"/stuck".escape_ascii()) && self.loop_on.as_deref() == Some(hook) {
            std::hint::spin_loop();
        }
    }
}

impl Module for Hooked {
    type Config = Config;

    fn new(config: Config, _init: &mut Init<'_>) -> Result<Self> {
        Ok(Self { panic_on: config.panic_on, loop_on: config.loop_on })
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<PostReadRequest>()?;
        hooks.implement::<AccessChecker>()?;
        hooks.implement::<Fixups>()?;
        hooks.implement::<abi::ResponseHead>()?;
        hooks.implement::<LogTransaction>()
    }
}

impl Implements<PostReadRequest> for Hooked {
    fn call(&self, _cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        self.called("post_read_request", input.request, 0);
        Ok(Answer::Decline)
    }
}

impl Implements<AccessChecker> for Hooked {
    const ORDER: i32 = order::FIRST;

    fn call(&self, _cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        self.called("access_checker", input.request, 0);
        Ok(match Request::from(input.request).path() {
            b"/forbidden" => Answer::Http(403),
            b"/error" => return Err(Error::msg("hooked access_checker refuses")),
            _ => Answer::Decline,
        })
    }
}

impl Implements<Fixups> for Hooked {
    fn call(&self, _cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        self.called("fixups", input.request, 0);
        Ok(Answer::Ok)
    }
}

impl Implements<abi::ResponseHead> for Hooked {
    fn call(&self, _cx: &Cx<'_>, input: &ResponseIn<'_>, _out: &mut Unit) -> Result<Answer> {
        self.called("response_head", input.request, input.status);
        Ok(Answer::Ok)
    }
}

impl Implements<LogTransaction> for Hooked {
    fn call(&self, _cx: &Cx<'_>, input: &LogIn<'_>, _out: &mut Unit) -> Result<Answer> {
        self.called("log_transaction", input.request, input.status);
        Ok(Answer::Ok)
    }
}

proxy_module::module!(hooks_module: init Hooked);
