//! Draws by lot among the endpoints that this request has not tried yet.
use proxy_module::prelude::*;

struct Random;

impl Balancer for Random {
    type Config = ();
    type Walk = ();

    fn new((): (), _init: &mut Init<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, _request: &Request<'_>, _set: &Endpoints<'_>) -> Result<Begin<()>> {
        Ok(Begin::Trylist(()))
    }

    fn next(&self, (): &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        let usable = attempt.endpoints().usable();
        let untried = || usable.iter().filter(|index| !attempt.tried(**index));
        let drawn = attempt.random_below(untried().count() as u32);
        Ok(untried().nth(drawn as usize).map_or(Next::Exhausted, |index| Next::Endpoint(*index)))
    }
}

proxy_module::module!(lb_template_module: balancer Random);
