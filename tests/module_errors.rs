//! Module files that are refused: one message for each reason, on the first line, before any of their code runs.

use std::fs;
use std::path::Path;

use crate::support::config::Syntax;
use crate::support::modules;
use crate::support::server::Setup;

/// Checks a LoadModule line, and answers the first line without its `proxyd: Syntax error on line 2 of FILE: `, with
/// the test's own directory written `ROOT`.
fn refusal(ident: &str, file: &str, prepare: impl FnOnce(&Path)) -> String {
    let setup = Setup::new(Syntax::Conf, &format!("LoadModule {ident} {file}\n"));
    prepare(setup.root());
    let run = setup.check(&["-t"]);
    assert_eq!(run.code, Some(1), "{ident} {file}: {run:?}");
    let first = run.stderr.lines().next().unwrap_or_default();
    let head = format!("proxyd: Syntax error on line 2 of {}: ", setup.config().display());
    let text = first.strip_prefix(&head).unwrap_or_else(|| panic!("`{first}` does not begin with `{head}`"));
    text.replace(&setup.root().display().to_string(), "ROOT")
}

/// A file of the fixtures, built and copied to `m.so`.
fn fixture(name: &str, flags: &[&str]) -> impl FnOnce(&Path) {
    let file = modules::c(&format!("tests/modules/fixtures/{name}.c"), flags);
    move |root| {
        fs::copy(file, root.join("m.so")).unwrap();
    }
}

fn bytes(bytes: Vec<u8>) -> impl FnOnce(&Path) {
    move |root| fs::write(root.join("m.so"), bytes).unwrap()
}

/// The good module with its bytes changed.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&Path) {
    let mut content = fs::read(modules::c("tests/modules/fixtures/good.c", &[])).unwrap();
    change(&mut content);
    bytes(content)
}

macro_rules! refusals {
    ($($name:ident: $ident:literal, $prepare:expr => $expected:expr;)+) => {$(
        #[test]
        fn $name() {
            assert_eq!(refusal($ident, "m.so", $prepare), $expected);
        }
    )+};
}

refusals! {
    a_file_that_is_not_there: "fixture_module", |_| () => "";
    a_directory: "fixture_module", |root| fs::create_dir(root.join("m.so")).unwrap() => "";
    an_empty_file: "fixture_module", bytes(Vec::new()) => "";
    a_text_file: "fixture_module", bytes(b"#!/bin/sh\n".to_vec()) => "";
    a_file_cut_in_its_header: "fixture_module", changed(|file| file.truncate(40)) => "";
    a_file_cut_in_the_middle: "fixture_module", changed(|file| file.truncate(file.len() / 2)) => "";
    a_file_for_another_machine: "fixture_module", changed(|file| file[18] = 243) => "";
    a_file_for_32_bits: "fixture_module", changed(|file| file[4] = 1) => "";
    an_object_that_is_no_library: "fixture_module", changed(|file| file[16] = 1) => "";
    a_library_that_is_no_module: "fixture_module", fixture("no_note", &[]) => "";
    a_symbol_that_the_file_does_not_have: "other_module", fixture("good", &[]) => "";
    a_symbol_that_the_note_names_and_nobody_exports: "fixture_module", fixture("missing_symbol", &[]) => "";
    a_note_that_names_another_module: "fixture_module", fixture("note_ident", &[]) => "";
    a_note_that_differs_from_the_record: "fixture_module", fixture("note_differs", &[]) => "";
    another_major: "fixture_module", fixture("wrong_major", &[]) => "";
    another_minor: "fixture_module", fixture("wrong_minor", &[]) => "";
    another_magic: "fixture_module", fixture("wrong_magic", &[]) => "";
    panics_that_nobody_catches: "fixture_module", fixture("unguarded", &[]) => "";
}
