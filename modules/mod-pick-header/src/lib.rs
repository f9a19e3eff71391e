//! Says in a response field who answered: `cluster1 127.0.0.1:8081 id=91d2c3f4a5b60718 tries=2`.
//! LoadModule pick_header_module modules/mod_pick_header.so
#![forbid(unsafe_code)]

use proxy_module::abi::{self, ResponseIn, Unit};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// PickHeader NAME: the response field that says which endpoint answered; X-Picked-By if not given.
    #[directive(name = "PickHeader", take1)]
    name: Option<String>,
}

struct PickHeader {
    name: String,
}

impl Module for PickHeader {
    type Config = Config;

    fn new(config: Config, _init: &mut Init<'_>) -> Result<Self> {
        let name = config.name.unwrap_or_else(|| "X-Picked-By".to_owned());
        Edits::check(&name, "")?;
        Ok(Self { name })
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<abi::ResponseHead>()
    }
}

impl Implements<abi::ResponseHead> for PickHeader {
    const ORDER: i32 = order::LAST;

    fn call(&self, _cx: &Cx<'_>, input: &ResponseIn<'_>, _out: &mut Unit) -> Result<Answer> {
        let (cluster, endpoint) = (input.cluster.to_str()?, input.endpoint.to_str()?);
        let text = format!("{cluster} {endpoint} id={:016x} tries={}", input.id, input.tries);
        Edits::of(input.edits)?.set(&self.name, text)?;
        Ok(Answer::Ok)
    }
}

proxy_module::module!(pick_header_module: init PickHeader);
