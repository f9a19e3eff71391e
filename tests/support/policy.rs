//! The balancers of the product and of its examples: their idents, and the files that they are loaded from.

use std::path::PathBuf;

use super::config::load_line;
use super::modules;

/// A balancer under test.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) ident: &'static str,
    pub(crate) file: PathBuf,
}

impl Policy {
    /// The seed's; loaded as a file also where the program under test has it compiled in.
    pub(crate) fn round_robin() -> Self {
        Self { ident: "proxy_lb_module", file: modules::proxy_lb() }
    }

    pub(crate) fn least() -> Self {
        Self { ident: "lb_least_module", file: modules::rust("mod-lb-least") }
    }

    pub(crate) fn p2c() -> Self {
        Self { ident: "lb_p2c_module", file: modules::rust("mod-lb-p2c") }
    }

    pub(crate) fn ketama() -> Self {
        Self { ident: "lb_ketama_module", file: modules::rust("mod-lb-ketama") }
    }

    pub(crate) fn random_c() -> Self {
        Self { ident: "random_module", file: modules::c("modules/examples-c/random.c", &[]) }
    }

    pub(crate) fn least_c() -> Self {
        Self { ident: "least_module", file: modules::c("modules/examples-c/least.c", &[]) }
    }

    pub(crate) fn all() -> [Self; 5] {
        [Self::least(), Self::p2c(), Self::ketama(), Self::random_c(), Self::least_c()]
    }

    pub(crate) fn load_line(&self) -> String {
        load_line(self.ident, &self.file)
    }
}
