//! The C header says what the Rust types say: sizes, offsets, constants and signatures, compared through a
//! compiled C program; it says nothing more; and the guide's C module compiles without a warning as C99 and as C++11.

use std::path::Path;

use proxy_abi as abi;

mod facts;

use facts::{Fact, HEADER_DIR, compile, constants, layouts, said_in_c, scratch_dir};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/random.c");

#[test]
fn header_agrees_with_rust() {
    let facts: Vec<Fact> = layouts().into_iter().chain(constants()).collect();
    let Some(said) = said_in_c(&facts, HEADER_DIR, "layout") else { return };
    let differing: Vec<String> = facts
        .iter()
        .zip(&said)
        .filter(|(fact, said)| fact != said)
        .map(|(fact, said)| format!("Rust {fact}, C {said}"))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(facts.len(), said.len());
}

#[test]
fn versions_agree() {
    let header = std::fs::read_to_string(Path::new(HEADER_DIR).join("proxy_module.h")).expect("is committed");
    for line in [
        format!("#define PM_MAJOR {}", abi::MAJOR),
        format!("#define PM_MINOR {}", abi::MINOR),
        format!("#define PM_BUILD_ \"C; proxy_module.h {}.{}\"", abi::MAJOR, abi::MINOR),
    ] {
        assert!(header.lines().any(|found| found == line), "{line}");
    }
}

/// What the header declares that no fact is about: a struct, a field or a number that nobody would compare.
#[test]
fn all_that_the_header_declares_is_compared() {
    let header = std::fs::read_to_string(Path::new(HEADER_DIR).join("proxy_module.h")).expect("is committed");
    let known: Vec<String> = layouts().into_iter().chain(constants()).map(|fact| fact.name).collect();
    let declared = declared(&without_comments(&header));
    assert!(declared.len() > 250, "the header was read: {declared:?}");
    // Said by private fields of Rust, or by other means than a value.
    let others = ["offsetof(pm_stats, reserved)", "PM_MAJOR", "PM_MINOR", "PM_EXPORT_", "PM_BUILD_"];
    let unknown: Vec<&String> =
        declared.iter().filter(|name| !known.contains(name) && !others.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "add these to tests/facts: {unknown:?}");
}

fn without_comments(text: &str) -> String {
    text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect()
}

/// Each struct and each field as an expression, and each macro without arguments.
fn declared(header: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (head, rest) in header.match_indices("struct pm_").map(|(at, _)| header[at + 7..].split_at(3)) {
        let Some((name, body)) = rest.split_once(" {\n") else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            continue;
        }
        let body = body.split("\n}").next().unwrap_or_default();
        found.push(format!("sizeof({head}{name})"));
        found.extend(fields(body).map(|field| format!("offsetof({head}{name}, {field})")));
    }
    let defines = header.lines().filter_map(|line| line.strip_prefix("#define PM_"));
    let named = defines.filter_map(|rest| rest.split_once(' ')).filter(|(name, _)| !name.contains('('));
    found.extend(named.map(|(name, _)| format!("PM_{name}")));
    found
}

/// The names that the declarations of a struct's body declare.
fn fields(body: &str) -> impl Iterator<Item = &str> {
    body.split(';')
        .flat_map(|declaration| {
            let pointer = declaration.split_once("(*").and_then(|(_, rest)| rest.split_once(')'));
            let listed = pointer.is_none().then(|| declaration.split(',').map(last_name));
            pointer.map(|(name, _)| name).into_iter().chain(listed.into_iter().flatten())
        })
        .filter(|name| !name.is_empty())
}

/// `state` of `uint64_t state`, `reserved` of `uint64_t reserved[4]`.
fn last_name(declaration: &str) -> &str {
    let declaration = declaration.split('[').next().unwrap_or_default().trim();
    declaration.rsplit([' ', '*']).next().unwrap_or_default()
}

#[test]
fn example_compiles_as_c99() {
    let flags =
        ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"];
    example_compiles("cc", &flags);
}

#[test]
fn example_compiles_as_cpp11() {
    let flags = [
        "-x",
        "c++",
        "-std=c++11",
        "-Wall",
        "-Wextra",
        "-pedantic",
        "-Werror",
        "-shared",
        "-fPIC",
        "-fvisibility=hidden",
    ];
    example_compiles("c++", &flags);
}

fn example_compiles(compiler: &str, flags: &[&str]) {
    let library = scratch_dir(&format!("example-{compiler}")).join("mod_random.so");
    let Some(built) = compile(compiler, flags, HEADER_DIR, Path::new(EXAMPLE), &library) else { return };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let bytes = std::fs::read(library).expect("the library just built is readable");
    assert!(contains(&bytes, &note_bytes()), "the note is not in the file");
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The note of the example as the specification has it.
fn note_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(7_u32.to_le_bytes());
    bytes.extend((size_of::<abi::NoteDesc>() as u32).to_le_bytes());
    bytes.extend(abi::NOTE_TYPE_MODULE.to_le_bytes());
    bytes.extend(b"PROXYD\0\0");
    for number in [abi::MAJOR, abi::MINOR, abi::MINOR, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(b"random_module");
    bytes.resize(size_of::<abi::Note>(), 0);
    bytes
}
