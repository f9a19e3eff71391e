//! What whoever writes configurations and module files may do wrong, or do on purpose.

use std::path::PathBuf;
use std::{fmt, fs};

use crate::prove::Form;
use crate::support::chance::Chance;
use crate::support::config::Syntax;
use crate::support::modules;
use crate::support::server::Setup;

/// One reload that should be refused.
#[derive(Clone)]
pub(super) struct Attempt {
    /// What it is called in figures.
    pub(super) kind: &'static str,
    pub(super) what: String,
    /// Lines at the end of the configuration.
    pub(super) lines: String,
    /// What becomes of the module's file.
    pub(super) module: Option<Vec<u8>>,
    /// One of these is in the answer and in the log.
    pub(super) named: Vec<String>,
    /// Not all damage matters: it may be put in force, and has to work then.
    pub(super) may_pass: bool,
}

impl Attempt {
    fn text(kind: &'static str, lines: impl Into<String>, named: &[&str]) -> Self {
        let lines = lines.into();
        let what = lines.chars().take(60).collect();
        let named = named.iter().map(|&part| part.to_owned()).collect();
        Self { kind, what, lines, module: None, named, may_pass: false }
    }

    fn module(kind: &'static str, what: impl Into<String>, bytes: Vec<u8>, named: &str) -> Self {
        let (what, named) = (what.into(), vec![named.to_owned()]);
        Self { kind, what, lines: String::new(), module: Some(bytes), named, may_pass: false }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}", self.kind, self.what)
    }
}

/// The module whose file is spoilt, whole.
pub(super) fn good() -> PathBuf {
    modules::c("tests/modules/fixtures/good.c", &[])
}

/// So many attempts, or more where all of them are asked for, in an order of the seed's. The flipped bits are as many as
/// the others leave room for, and in the long form five hundred at least.
pub(super) fn attempts(form: Form, count: usize, seed: u64) -> Vec<Attempt> {
    let good = fs::read(good()).unwrap();
    let few = |attempts: Vec<Attempt>, short| spread(attempts, form.pick(short, usize::MAX));
    let mut attempts = syntax();
    attempts.extend(few(values(), 40));
    attempts.extend(few(cut(&good), 30));
    attempts.extend(wrong(&good));
    attempts.extend(constructors(form));
    if form == Form::Long {
        // The SDK's own, which has more of everything.
        attempts.extend(cut(&fs::read(modules::proxy_lb()).unwrap()));
    }
    let flips = count.saturating_sub(attempts.len()).max(form.pick(0, 500));
    attempts.extend(flipped(&good, flips, seed));
    shuffled(attempts, seed)
}

/// At most so many of them, from all places.
fn spread(attempts: Vec<Attempt>, most: usize) -> Vec<Attempt> {
    let step = attempts.len().div_ceil(most).max(1);
    attempts.into_iter().step_by(step).collect()
}

/// Fisher and Yates.
fn shuffled(mut attempts: Vec<Attempt>, seed: u64) -> Vec<Attempt> {
    let mut chance = Chance::new(seed, 1);
    for place in (1..attempts.len()).rev() {
        attempts.swap(place, chance.below(place as u64 + 1) as usize);
    }
    attempts
}

fn syntax() -> Vec<Attempt> {
    let of = |lines: &str, named: &str| Attempt::text("syntax errors", format!("{lines}\n"), &[named]);
    let deep = "<IfDefine !X>\n".repeat(5000);
    vec![
        of("ProxyPas / http://a/", "Invalid command 'ProxyPas'"),
        of("ProxyPass / nowhere", "nowhere"),
        of("<VirtualHost *:80>", "VirtualHost"),
        of("</VirtualHost>", "VirtualHost"),
        of("<Location /a>\n</VirtualHost>", "Location"),
        of("Timeout", "Timeout"),
        of("Timeout 5 6", "Timeout"),
        of("Timeout \"5", "line "),
        of("Timeout ${NOBODY}", "NOBODY"),
        of("Include none.conf", "none.conf"),
        of("Include proxyd.conf", "proxyd.conf"),
        of("LoadModule x_module none.so", "none.so"),
        of("LoadModule other_module m.so", "other_module"),
        of("LBMethod c nobody_module", "nobody_module"),
        of("LBMethod nowhere fixture_module", "nowhere"),
        of("ProxyPass /x balancer://nowhere", "nowhere"),
        of("Listen 256.0.0.1:80", "256.0.0.1:80"),
        of("CustomLog no/such/dir/log common", "no/such/dir/log"),
        of("ErrorLog no/such/dir/log", "no/such/dir/log"),
        of("PidFile no/such/dir/pid", "no/such/dir/pid"),
        of("\u{0}\u{1}\u{2}", "line "),
        of(&deep, "line "),
        of("Error enough", "enough"),
    ]
}

/// Each directive that this server knows, with nothing, with blanks, and with far more than it can have meant.
fn values() -> Vec<Attempt> {
    // Those for which any word at all is a good one.
    const TAKE_ANYTHING: &[&str] = &["Define", "UnDefine", "Warning", "ServerRoot"];
    let known = Setup::new(Syntax::Conf, "").check(&["-L"]).stdout;
    let names: Vec<&str> = known
        .lines()
        .filter(|line| !line.starts_with('\t'))
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.starts_with('<') && !TAKE_ANYTHING.contains(name))
        .collect();
    assert!(names.len() > 30, "{known}");
    let values = ["", "\"\"", "\"  \"", &"x".repeat(10_000), &"9".repeat(10_000)];
    let of = |name: &str, value: &str| {
        let start: String = value.chars().take(20).collect();
        let place = "Syntax error on line ";
        let named = if start.len() == 20 { vec![place, name, &start] } else { vec![place, name] };
        Attempt::text("blank and oversized values", format!("{name} {value}\n"), &named)
    };
    // Each with each, neighbours differing in both.
    let pair = |place| (names[place % names.len()], values[(place / names.len() + place) % values.len()]);
    (0..names.len() * values.len()).map(pair).map(|(name, value)| of(name, value)).collect()
}

/// Each beginning of the file that ends at a multiple of 512.
fn cut(file: &[u8]) -> Vec<Attempt> {
    let of = |end| Attempt::module("modules cut short", format!("{end} bytes"), file[..end].to_vec(), "m.so");
    (0..file.len()).step_by(512).map(of).collect()
}

/// For another machine, of another kind, of another version, without what is needed.
fn wrong(good: &[u8]) -> Vec<Attempt> {
    let of = |what: &str, bytes, named| Attempt::module("wrong machine or ABI", what, bytes, named);
    let changed = |what: &str, place: usize, byte: u8, named| {
        let mut bytes = good.to_vec();
        bytes[place] = byte;
        of(what, bytes, named)
    };
    let frozen = |name: &str, named| of(name, fs::read(modules::frozen("0.1", name)).unwrap(), named);
    let built = |name: &str, flags: &[&str], named| {
        let file = modules::c(&format!("tests/modules/fixtures/{name}.c"), flags);
        of(name, fs::read(file).unwrap(), named)
    };
    vec![
        changed("RISC-V", 18, 243, "RISC-V"),
        changed("32 bits", 4, 1, "32-bit"),
        changed("another byte order", 5, 2, "big-endian"),
        changed("an object file", 16, 1, "object file"),
        of("text", b"#!/bin/sh\n".to_vec(), "is not an ELF file"),
        of("nothing", Vec::new(), "is empty"),
        of("zeros", vec![0; 16 * 1024], "is not an ELF file"),
        frozen("wrong_magic", "m.so"),
        frozen("wrong_major", "needs module ABI 2.1, this server speaks 0.1"),
        frozen("too_new_minor", "m.so"),
        frozen("wrong_signature", "fixture_module"),
        built("no_note", &[], "note"),
        built("note_ident", &[], "other_module"),
        built("note_differs", &[], "note"),
        built("missing_symbol", &[], "symbol"),
        built("unguarded", &[], "panics"),
        built("good", &["-Wl,-rpath,/opt/lib"], "RUNPATH"),
        built("good", &["-Wl,-z,execstack"], "stack"),
    ]
}

/// Files that are right in all that can be seen of them, and would take the server with them.
fn constructors(form: Form) -> Vec<Attempt> {
    let of = |when: &str, act: &str, named: &str| {
        let flags = [format!("-DWHEN={when}"), format!("-DACT={act}")];
        let file = modules::c("tests/modules/fixtures/misbehaving.c", &[&flags[0], &flags[1]]);
        let what = format!("{when} {act}");
        Attempt::module("constructors and inits that misbehave", what, fs::read(file).unwrap(), named)
    };
    let whens: &[&str] = form.pick(&["LOAD"], &["LOAD", "INIT"]);
    // What was seen to be bad is not remembered: it is tried again each time.
    let times = form.pick(1, 6);
    let acts = [
        ("ABORT", "SIGABRT"),
        ("EXIT_0", "exit code 0"),
        ("SLEEP", "did not come to its end within 2 s"),
        ("EXIT_3", "exit code 3"),
        ("FAULT", "SIGSEGV"),
        ("OVERFLOW", "SIGSEGV"),
        ("FORK", "starts a process"),
        ("EXEC", "starts another program"),
        ("KILL", "sends a signal"),
        ("CLOSE", "closes files"),
    ];
    let once = || whens.iter().flat_map(|when| acts.iter().map(move |(act, named)| of(when, act, named)));
    (0..times).flat_map(|_| once()).collect()
}

/// One bit of the headers each: the ELF header and the table of segments.
fn flipped(good: &[u8], count: usize, seed: u64) -> Vec<Attempt> {
    let mut chance = Chance::new(seed, 0);
    let end = 64 + 56 * usize::from(good[56]);
    let mut of = |_| {
        let (place, bit) = (chance.below(end as u64) as usize, chance.below(8));
        let mut bytes = good.to_vec();
        bytes[place] ^= 1 << bit;
        let what = format!("bit {bit} of byte {place}, seed {seed}");
        Attempt { may_pass: true, ..Attempt::module("flipped bits of headers", what, bytes, "m.so") }
    };
    (0..count).map(&mut of).collect()
}
