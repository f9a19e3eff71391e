//! What comes of modules' faults: ModuleOnPanic.

use std::time::Duration;

use proxy_config::args::Args;
use proxy_config::{Diagnostic, Node, Word};

use super::server::at_least;
use super::{loaded_module, number};
use crate::containment::{OnPanic, Quarantine};
use crate::directive::{Directive, GLOBAL};
use crate::lower::Lowering;

inventory::submit!(Directive::line(
    "ModuleOnPanic",
    GLOBAL,
    Args::Iterate,
    "what comes of faults, of one module or of all: quarantine [FAULTS/TIME [REST]], fail or abort",
    module_on_panic
));

/// The last word on a module counts, and one on a module before one on all.
fn module_on_panic(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Diagnostic> {
    let (module, words) = match node.args.split_first() {
        Some((first, rest)) if !is_policy(first) => {
            if rest.is_empty() {
                return Err(unknown(first));
            }
            (Some(loaded_module(lowering, first)?), rest)
        }
        _ => (None, &*node.args),
    };
    let on_panic = on_panic(node, words)?;
    lowering.conf.on_panics.set(module, on_panic);
    Ok(())
}

fn is_policy(word: &Word) -> bool {
    ["quarantine", "fail", "abort"].iter().any(|name| word.text.eq_ignore_ascii_case(name))
}

fn on_panic(node: &Node, words: &[Word]) -> Result<OnPanic, Diagnostic> {
    let Some((policy, rest)) = words.split_first() else {
        return Err(Diagnostic::error(node.name.span, "ModuleOnPanic lacks an argument"));
    };
    let (on_panic, rest) = match policy.text.to_ascii_lowercase().as_str() {
        "quarantine" => quarantine(rest)?,
        "fail" => (OnPanic::Fail, rest),
        "abort" => (OnPanic::Abort, rest),
        _ => return Err(unknown(policy)),
    };
    match rest.first() {
        None => Ok(on_panic),
        Some(word) => {
            Err(Diagnostic::error(word.span, format!("`{}` is one word too many", word.text))
                .with_help(FORMS))
        }
    }
}

fn quarantine(words: &[Word]) -> Result<(OnPanic, &[Word]), Diagnostic> {
    let mut quarantine = Quarantine::DEFAULT;
    let Some((rate, words)) = words.split_first() else {
        return Ok((OnPanic::Quarantine(quarantine), words));
    };
    let Some((faults, within)) = rate.text.split_once('/') else {
        let message = format!("`{}` is no number of faults in a time", rate.text);
        return Err(Diagnostic::error(rate.span, message).with_help("write it as in 5/60s"));
    };
    let part = |text: &str| Word { text: text.to_owned(), span: rate.span };
    quarantine.faults = number(&part(faults), 1, 1_000_000)?;
    quarantine.within = at_least(&part(within), Duration::from_secs(1), "1s")?;
    let Some((rest, words)) = words.split_first() else {
        return Ok((OnPanic::Quarantine(quarantine), words));
    };
    quarantine.rest = at_least(rest, Duration::from_millis(100), "100ms")?;
    Ok((OnPanic::Quarantine(quarantine), words))
}

const FORMS: &str =
    "write quarantine [FAULTS/TIME [REST]], fail or abort, after the name of a module or alone";

fn unknown(word: &Word) -> Diagnostic {
    let message = format!("`{}` is nothing that could come of a module's fault", word.text);
    Diagnostic::error(word.span, message).with_help(FORMS)
}
