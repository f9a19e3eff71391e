//! Module files that are refused: one message for each reason, on the first line, before any of their code runs.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::support::config::Syntax;
use crate::support::modules;
use crate::support::server::Setup;

/// Checks a LoadModule line, and answers the first line without its `proxyd: Syntax error on line 2 of FILE: `, with
/// the test's own directory written `ROOT`.
pub(crate) fn refusal(ident: &str, file: &str, prepare: impl FnOnce(&Path)) -> String {
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
pub(crate) fn fixture(name: &str, flags: &[&str]) -> impl FnOnce(&Path) {
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

/// Sets the flag W of the segment that has X.
fn make_code_writable(file: &mut [u8]) {
    let code = file[64..].chunks_exact_mut(56).find(|header| header[0] == 1 && header[4] & 1 != 0).unwrap();
    code[4] |= 2;
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
    a_file_that_is_not_there: "fixture_module", |_| () => "cannot load ROOT/m.so into server: there is no such file: check the path, or build the module first";
    a_directory: "fixture_module", |root| fs::create_dir(root.join("m.so")).unwrap() => "ROOT/m.so: this is a directory, not a regular file: name the module's .so file itself";
    an_empty_file: "fixture_module", bytes(Vec::new()) => "ROOT/m.so: is empty: build or copy it again";
    a_text_file: "fixture_module", bytes(b"#!/bin/sh\n".to_vec()) => "ROOT/m.so: is not an ELF file, it begins with 23 21 2f 62: name a shared object built for this server";
    a_file_cut_in_its_header: "fixture_module", changed(|file| file.truncate(40)) => "ROOT/m.so: is cut short, its ELF header is at bytes 0 to 64 but the file has 40: copy it again";
    a_file_cut_in_the_middle: "fixture_module", changed(|file| file.truncate(file.len() / 2)) => "ROOT/m.so: is cut short, its segment 2 is at bytes 8192 to 8804 but the file has 7784: copy it again";
    a_file_for_another_machine: "fixture_module", changed(|file| file[18] = 243) => "ROOT/m.so: is built for RISC-V, this server runs on x86-64: build the module for x86-64";
    a_file_for_32_bits: "fixture_module", changed(|file| file[4] = 1) => "ROOT/m.so: is 32-bit, this server is 64-bit little-endian: build the module for x86-64";
    an_object_that_is_no_library: "fixture_module", changed(|file| file[16] = 1) => "ROOT/m.so: is an object file, not a shared object: link it as a cdylib, or in C with -shared";
    a_library_that_is_no_module: "fixture_module", fixture("no_note", &[]) => "ROOT/m.so: is a shared object but no proxyd module, it has no note .note.proxyd.module: build it with the crate proxy-module or with proxy_module.h";
    a_symbol_that_the_file_does_not_have: "other_module", fixture("good", &[]) => "ROOT/m.so: has no module other_module, it has fixture_module: name one of these in LoadModule";
    a_symbol_that_the_note_names_and_nobody_exports: "fixture_module", fixture("missing_symbol", &[]) => "ROOT/m.so: its note names fixture_module but it exports no such symbol (undefined symbol: fixture_module): export the module's record under that name";
    a_note_that_names_another_module: "fixture_module", fixture("note_ident", &[]) => "ROOT/m.so: has no module fixture_module, it has other_module: name one of these in LoadModule";
    a_note_that_differs_from_the_record: "fixture_module", fixture("note_differs", &[]) => "ROOT/m.so: fixture_module has flags 4 in its record but 0 in its note: make both from the same source";
    a_fifo: "fixture_module", |root| rustix::fs::mkfifoat(rustix::fs::CWD, root.join("m.so"), 0o600.into()).unwrap() => "ROOT/m.so: this is a FIFO, not a regular file: name the module's .so file itself";
    a_socket: "fixture_module", |root| drop(UnixListener::bind(root.join("m.so")).unwrap()) => "ROOT/m.so: this is a socket, not a regular file: name the module's .so file itself";
    two_gibibytes_of_nothing: "fixture_module", |root| fs::File::create(root.join("m.so")).unwrap().set_len(2 << 30).unwrap() => "ROOT/m.so: has 2147483648 bytes, a module has at most 67108864: strip its debug information";
    other_files_looked_for: "fixture_module", fixture("good", &["-Wl,-rpath,/opt/lib"]) => "ROOT/m.so: has the RUNPATH \"/opt/lib\", where other files would be looked for: link it without -rpath, or run `patchelf --remove-rpath` on it";
    an_old_search_path: "fixture_module", fixture("good", &["-Wl,-rpath,/opt/lib", "-Wl,--disable-new-dtags"]) => "ROOT/m.so: has the RPATH \"/opt/lib\", where other files would be looked for: link it without -rpath, or run `patchelf --remove-rpath` on it";
    an_executable_stack: "fixture_module", fixture("good", &["-Wl,-z,execstack"]) => "ROOT/m.so: wants its stack executable: link it with -z noexecstack";
    a_library_that_nobody_checks: "fixture_module", fixture("good", &["-Wl,--no-as-needed", "-lresolv"]) => "ROOT/m.so: needs libresolv.so.2, a file that the server does not check: link that library into the module (its .a, in C++ -static-libstdc++)";
    code_that_may_be_written: "fixture_module", changed(|file| make_code_writable(file)) => "ROOT/m.so: its segment at 0x1000 may be written and run: link it without -N, and keep code and data apart";
    panics_that_nobody_catches: "fixture_module", fixture("unguarded", &[]) => "ROOT/m.so: fixture_module is written in Rust but does not catch its panics: export it with proxy_module::module! and build it with panic = \"unwind\"";
}
