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
        let drawn = attempt.random_below(attempt.untried().count() as u32);
        Ok(attempt.untried().nth(drawn as usize).into())
    }
}

proxy_module::module!(lb_template_module: balancer Random);
