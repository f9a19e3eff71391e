//! One line at a time: is the name known, may it stand here, does it have as many arguments as it may?

use proxy_abi::{ArgKind, scopes};
use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node};

use super::{Lowering, Section};
use crate::directive::{Directive, Owned, args_of, find, hint, places};
use crate::directives::{route, symbol};
use crate::load_module::line_key;
use crate::module::{ModuleDirective, ModuleInfo};

impl Lowering<'_> {
    /// Lowers lines in order.
    pub(super) fn body(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|node| self.node(node));
    }

    /// Lowers a section's body.
    pub(super) fn section(&mut self, node: &Node, scope: u32) {
        self.sections.push(Section { scope, name: node.name.clone() });
        self.body(node.body.as_deref().unwrap_or_default());
        self.sections.pop();
    }

    fn node(&mut self, node: &Node) {
        // Executed, checked and complained of when it was read; what stands below may be of a module that failed.
        if node.is("LoadModule") && node.body.is_none() {
            return self.passed_load_module(node);
        }
        let lowered = match find(&node.name.text, self.modules) {
            Some(Owned::Core(directive)) => self.core_line(directive, node),
            Some(Owned::Module(info, directive)) => self.module_line(info, directive, node),
            None => self.unknown(node),
        };
        if let Err(diagnostic) = lowered {
            self.report(diagnostic);
        }
    }

    fn passed_load_module(&mut self, node: &Node) {
        let key = line_key(node);
        if let Some(failed) = self.failed.iter().find(|failed| failed.key == key) {
            let count = self.below_failed.map_or(0, |(_, count)| count);
            self.below_failed = Some((failed.span, count));
        }
    }

    fn unknown(&mut self, node: &Node) -> Result<(), Diagnostic> {
        if let Some((_, count)) = &mut self.below_failed {
            *count += 1;
            return Ok(());
        }
        let name = &node.name.text;
        let shown = if node.body.is_some() { format!("<{name}>") } else { name.clone() };
        let diagnostic = Diagnostic::error(node.name.span, format!("Invalid command '{shown}'"));
        Err(match hint(name, self.modules) {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic.with_help("misspelled, or of a module that is not loaded; `-L` lists all"),
        })
    }

    fn core_line(&mut self, directive: &Directive, node: &Node) -> Result<(), Diagnostic> {
        check_form(node, directive.is_section)?;
        self.check_scope(node, directive.scopes)?;
        if directive.is_section && node.args.is_empty() {
            // Reading has said so of any section.
            return Ok(());
        }
        check_args(node, directive.args, self.location.is_some(), directive.help)?;
        (directive.handler)(self, node)
    }

    fn module_line(
        &mut self,
        info: &ModuleInfo,
        directive: &ModuleDirective,
        node: &Node,
    ) -> Result<(), Diagnostic> {
        check_form(node, false)?;
        self.check_scope(node, directive.scopes)?;
        let is_route = directive.args == ArgKind::ROUTE;
        if let (Some(section), false) = (self.sections.last(), is_route) {
            let message = format!("`{}` cannot stand inside `<{}>`", node.name.text, section.name.text);
            return Err(Diagnostic::error(node.name.span, message)
                .with_help("of a module's directives only routes may stand in sections so far"));
        }
        // A directive whose arguments nobody can parse was reported when its module was loaded.
        let Some(args) = args_of(directive.args) else { return Ok(()) };
        check_args(node, args, self.location.is_some(), &directive.doc)?;
        if is_route {
            return route(self, node, |word| symbol(word, &info.ident));
        }
        self.values.add(&info.ident, directive, node);
        Ok(())
    }

    fn check_scope(&self, node: &Node, allowed: u32) -> Result<(), Diagnostic> {
        let name = &node.name.text;
        let help = || format!("it may stand in {}", places(allowed));
        let shown = if node.body.is_some() { format!("<{name}>") } else { name.clone() };
        match self.sections.last() {
            Some(section) if allowed & section.scope == 0 => {
                let opening = &section.name;
                let message = format!("`{shown}` cannot stand inside `<{}>`", opening.text);
                let note = format!("`<{}>` is opened here", opening.text);
                Err(Diagnostic::error(node.name.span, message)
                    .with_help(help())
                    .with_note(opening.span, note))
            }
            None if allowed & scopes::SERVER == 0 => {
                let message = format!("`{shown}` cannot stand outside of sections");
                Err(Diagnostic::error(node.name.span, message).with_help(help()))
            }
            _ => Ok(()),
        }
    }
}

fn check_form(node: &Node, is_section: bool) -> Result<(), Diagnostic> {
    let name = &node.name.text;
    match (is_section, node.body.is_some()) {
        (true, false) => {
            let message = format!("`{name}` is a section");
            Err(Diagnostic::error(node.name.span, message)
                .with_help(format!("write `<{name} …>` and `</{name}>`")))
        }
        (false, true) => {
            let message = format!("`{name}` is not a section");
            Err(Diagnostic::error(node.name.span, message)
                .with_help(format!("write `{name} …` without brackets")))
        }
        _ => Ok(()),
    }
}

/// The number of arguments; the help of a wrong one is the directive's own. Inside a Location a route is complete
/// without its path, outside it is not.
fn check_args(node: &Node, args: Args, in_location: bool, help: &str) -> Result<(), Diagnostic> {
    let checked = match args {
        Args::Route if node.args.len() < 2 && !in_location => {
            Err(format!("{} takes a path and a target", node.name.text))
        }
        _ => args.check(node),
    };
    checked.map_err(|message| {
        let diagnostic = Diagnostic::error(node.span(), message);
        if help.is_empty() { diagnostic } else { diagnostic.with_help(format!("{}: {help}", node.name.text)) }
    })
}
