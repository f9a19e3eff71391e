//! `proxyd module inspect FILE`: what a module file is, and what the server says to it, without any of its code being
//! run.

pub(super) mod facts;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use proxy_abi::{NoteDesc, flags};
use proxy_dso::Inspection;

use super::check::absolute;
use crate::Ended;
use crate::output::{self, Messages};
use facts::Facts;

/// Which file.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Inspect {
    /// The module's file
    pub(crate) file: PathBuf,
}

/// Prints what it is, or why it is no module. A module that the server would refuse did not end well.
pub(crate) fn run(inspect: &Inspect) -> Ended {
    match absolute(&inspect.file).and_then(|file| described(&file)) {
        Ok((text, is_good)) => {
            output::result(text);
            if is_good { Ended::Well } else { Ended::NotStarted }
        }
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd: {text}"));
            Ended::NotStarted
        }
    }
}

/// The ident of a note as text.
pub(super) fn ident_of(note: &NoteDesc) -> String {
    let ident = note.ident.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(ident).into_owned()
}

fn described(file: &Path) -> Result<(String, bool), String> {
    let Inspection { modules, sum, refused, warnings } =
        proxy_dso::inspect(file).map_err(|refusal| refusal.to_string())?;
    let facts = Facts::read(file)?;
    let mut text = format!("{}\n", file.display());
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "  {what:<12}{value}");
    };
    for note in &modules {
        let ident = ident_of(note);
        line("module", ident.clone());
        line("ABI", abi_words(note));
        line("flags", flag_words(note.flags));
        if let Some(record) = facts.record(&ident) {
            line("version", record.version.unwrap_or_else(|| "not to be told without loading".to_owned()));
            line("built by", record.build.unwrap_or_else(|| "not to be told without loading".to_owned()));
            line("directives", record.directives.to_string());
        }
    }
    line("size", format!("{} bytes", facts.size));
    line("exports", facts.exports.join(", "));
    line("needs", facts.needed_words());
    line(
        "glibc",
        facts.glibc.clone().map_or_else(|| "any".to_owned(), |version| format!("{version} or later")),
    );
    line("soname", facts.soname.clone().unwrap_or_else(|| "none".to_owned()));
    line("text relocs", yes_or_no(facts.text_relocations));
    line("exec stack", yes_or_no(facts.executable_stack));
    line("sha256", sum.to_string());
    refused.iter().for_each(|cause| line("refused", cause.to_string()));
    warnings.iter().for_each(|warning| line("warning", warning.clone()));
    if refused.is_empty() {
        text.push_str("to be sure that it is this file that is loaded:\n");
        for note in &modules {
            let _ = writeln!(text, "  LoadModule {} {} sha256={sum}", ident_of(note), quoted(file));
        }
    }
    Ok((text, refused.is_empty()))
}

/// A path as one word of a configuration.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains([' ', '\t', '"', '#']) { format!("\"{}\"", text.replace('"', "\\\"")) } else { text }
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn abi_words(note: &NoteDesc) -> String {
    let (major, built, least) = (note.major, note.minor_built, note.minor_min);
    let here = format!("this server speaks {}.{}", proxy_abi::MAJOR, proxy_abi::MINOR);
    if built == least {
        format!("{major}.{built}; {here}")
    } else {
        format!("{major}.{built}, runs with {major}.{least} too; {here}")
    }
}

fn flag_words(bits: u32) -> String {
    let known = [(flags::GUARDED, "GUARDED"), (flags::RUST, "RUST"), (flags::THREADS, "THREADS")];
    let mut words: Vec<String> =
        known.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, word)| (*word).to_owned()).collect();
    let unknown = known.iter().fold(bits, |left, (bit, _)| left & !bit);
    if unknown != 0 {
        words.push(format!("unknown {unknown:#x}"));
    }
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
