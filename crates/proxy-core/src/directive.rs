//! The directive table. Each directive is defined once, where it is handled, as data and a function; parsing,
//! errors and `-L` all come from that one definition. Modules bring tables of their own, which join this one.

use std::sync::Arc;

use proxy_abi::{ArgKind, scopes};
use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node, nearest};

use crate::lower::Lowering;
use crate::module::{ModuleCode, ModuleDirective, ModuleInfo};

/// A directive or section of the core.
#[derive(Debug)]
pub struct Directive {
    /// Its name, in the letter case of the manual.
    pub name: &'static str,
    /// Where it may stand, see [`proxy_abi::scopes`].
    pub scopes: u32,
    /// What it takes.
    pub args: Args,
    /// Whether it is a section, written in angle brackets.
    pub is_section: bool,
    /// One sentence.
    pub help: &'static str,
    pub(crate) handler: Handler,
}

/// Lowers one line, or one section with its body, whose name, place and number of arguments are right. A handler
/// with more than one complaint reports the others itself.
pub(crate) type Handler = fn(&mut Lowering<'_>, &Node) -> Result<(), Diagnostic>;

inventory::collect!(Directive);

/// Outside of all sections only.
pub(crate) const GLOBAL: u32 = scopes::SERVER;
/// The main server and `<VirtualHost>`.
pub(crate) const HOSTS: u32 = scopes::SERVER | scopes::VHOST;
/// Those, and `<Location>`.
pub(crate) const ANY_REQUEST: u32 = HOSTS | scopes::LOCATION;

impl Directive {
    pub(crate) const fn line(
        name: &'static str,
        scopes: u32,
        args: Args,
        help: &'static str,
        handler: Handler,
    ) -> Self {
        Self { name, scopes, args, is_section: false, help, handler }
    }

    pub(crate) const fn section(
        name: &'static str,
        scopes: u32,
        args: Args,
        help: &'static str,
        handler: Handler,
    ) -> Self {
        Self { name, scopes, args, is_section: true, help, handler }
    }
}

/// The core's directives, by name.
#[must_use]
pub fn core_directives() -> Vec<&'static Directive> {
    let mut all: Vec<_> = inventory::iter::<Directive>.into_iter().collect();
    all.sort_by_key(|directive| directive.name);
    all
}

/// The core's directive `name`, if it is one; case does not matter.
#[must_use]
pub fn core_directive(name: &str) -> Option<&'static Directive> {
    inventory::iter::<Directive>.into_iter().find(|directive| directive.name.eq_ignore_ascii_case(name))
}

/// A directive and who owns it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owned<'m> {
    Core(&'static Directive),
    Module(&'m ModuleInfo, &'m ModuleDirective),
}

/// The directive `name` of the core or of one of `modules`; case does not matter.
pub(crate) fn find<'m>(name: &str, modules: &'m [Arc<dyn ModuleCode>]) -> Option<Owned<'m>> {
    core_directive(name).map(Owned::Core).or_else(|| {
        modules.iter().find_map(|module| {
            let info = module.info();
            let directive =
                info.directives.iter().find(|directive| directive.name.eq_ignore_ascii_case(name))?;
            Some(Owned::Module(info, directive))
        })
    })
}

/// What an argument kind of the module boundary is in the configuration language; none for a kind of a later
/// version.
pub(crate) fn args_of(kind: ArgKind) -> Option<Args> {
    Some(match kind {
        ArgKind::NO_ARGS => Args::None,
        ArgKind::TAKE1 => Args::Take1,
        ArgKind::TAKE2 => Args::Take2,
        ArgKind::TAKE3 => Args::Take3,
        ArgKind::TAKE12 => Args::Take12,
        ArgKind::TAKE13 => Args::Take13,
        ArgKind::TAKE23 => Args::Take23,
        ArgKind::TAKE123 => Args::Take123,
        ArgKind::ITERATE => Args::Iterate,
        ArgKind::ITERATE2 => Args::Iterate2,
        ArgKind::FLAG => Args::Flag,
        ArgKind::RAW_ARGS => Args::Raw,
        ArgKind::TAKE_ARGV => Args::TakeArgv,
        ArgKind::KEYED => Args::Keyed,
        ArgKind::ROUTE => Args::Route,
        _ => return None,
    })
}

/// What `args` wants, to be read behind "takes".
pub(crate) const fn wanted(args: Args) -> &'static str {
    match args {
        Args::None => "no arguments",
        Args::Take1 => "one argument",
        Args::Take2 => "two arguments",
        Args::Take3 => "three arguments",
        Args::Take12 => "one or two arguments",
        Args::Take13 => "one or three arguments",
        Args::Take23 => "two or three arguments",
        Args::Take123 => "one, two or three arguments",
        Args::Iterate => "one or more arguments",
        Args::Iterate2 => "one argument, then one or more that it applies to",
        Args::Flag => "On or Off",
        Args::Raw => "the rest of the line",
        Args::TakeArgv => "up to 64 arguments",
        Args::Keyed => "a name, then one or more values that are added to its list",
        Args::Route => "a path and a target or '!'; inside <Location> the target alone",
    }
}

/// The places of `scopes`, in words.
pub(crate) fn places(mask: u32) -> String {
    let names = [
        (scopes::SERVER, "the server's configuration"),
        (scopes::VHOST, "<VirtualHost>"),
        (scopes::LOCATION, "<Location>"),
        (scopes::CLUSTER, "<Proxy>"),
    ];
    let named: Vec<_> = names.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| *name).collect();
    named.join(", ")
}

/// Directives of modules that come with the server, for the hint to load one.
const PROVIDERS: [(&str, &str); 2] =
    [("LBServerCluster", "proxy_lb_module"), ("LBProxyPass", "proxy_lb_module")];

/// The next step for somebody who wrote the unknown directive `name`.
pub(crate) fn hint(name: &str, modules: &[Arc<dyn ModuleCode>]) -> Option<String> {
    let core = inventory::iter::<Directive>.into_iter().map(|directive| directive.name);
    let loaded =
        modules.iter().flat_map(|m| m.info().directives.iter().map(|directive| directive.name.as_str()));
    let unloaded = PROVIDERS.iter().filter(|(_, ident)| !modules.iter().any(|m| m.info().ident == *ident));
    let near = nearest(name, core.chain(loaded).chain(unloaded.clone().map(|(directive, _)| *directive)))?;
    let Some((directive, ident)) = unloaded.clone().find(|(directive, _)| *directive == near) else {
        return Some(format!("did you mean `{near}`?"));
    };
    let stem = ident.strip_suffix("_module").unwrap_or(ident);
    Some(format!("`{directive}` is of {ident}: load it above, `LoadModule {ident} modules/mod_{stem}.so`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directive_is_defined_twice_and_each_says_what_it_does() {
        let all = core_directives();
        for pair in all.windows(2) {
            assert!(!pair[0].name.eq_ignore_ascii_case(pair[1].name), "{}", pair[0].name);
        }
        for directive in &all {
            assert!(!directive.help.is_empty() && !directive.help.ends_with('.'), "{}", directive.name);
            assert!(!places(directive.scopes).is_empty(), "{}", directive.name);
        }
        assert!(all.len() >= 30, "{} were collected", all.len());
    }
}
