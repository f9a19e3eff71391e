//! The C header says what the Rust types say: sizes, offsets, constants and signatures, compared through a
//! compiled C program; and the guide's C module compiles without a warning as C99 and as C++11.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proxy_abi as abi;
use proxy_abi::{ArgKind, BlobKind, FailureKind, Health, HookKind, Level, OutcomeResult, Status};

const HEADER_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/random.c");

/// A C expression and what Rust says it is.
type Facts = BTreeMap<String, u64>;

#[test]
fn header_agrees_with_rust() {
    let mut facts = Facts::new();
    layouts(&mut facts);
    private_layouts(&mut facts);
    constants(&mut facts);
    let dir = scratch_dir("layout");
    let source = dir.join("facts.c");
    std::fs::write(&source, program(&facts)).expect("the scratch directory is writable");
    let binary = dir.join("facts");
    let Some(built) =
        compile("cc", &["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"], &source, &binary)
    else {
        return;
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(&binary).output().expect("the program just built runs");
    let said: Facts = String::from_utf8_lossy(&output.stdout).lines().map(fact).collect();
    let differing: Vec<_> = facts
        .iter()
        .filter(|(name, value)| said.get(*name) != Some(value))
        .map(|(name, value)| format!("{name}: Rust {value:#x}, C {:#x?}", said.get(name)))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(facts.len(), said.len());
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
    let Some(built) = compile(compiler, flags, Path::new(EXAMPLE), &library) else { return };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let bytes = std::fs::read(library).expect("the library just built is readable");
    assert!(contains(&bytes, &note_bytes()), "the note is not in the file");
}

/// `None`, with a line that says so, if there is no such compiler.
fn compile(compiler: &str, flags: &[&str], source: &Path, output: &Path) -> Option<Output> {
    let mut command = Command::new(compiler);
    command.args(flags).args(["-I", HEADER_DIR, "-o"]).arg(output).arg(source);
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skipped(compiler);
            None
        }
        Err(error) => panic!("{compiler}: {error}"),
    }
}

#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(compiler: &str) {
    eprintln!("skipped: {compiler} not installed");
}

fn scratch_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).expect("cargo's scratch directory is writable");
    dir
}

fn fact(line: &str) -> (String, u64) {
    let (name, value) = line.split_once('=').expect("each line is name=value");
    (name.to_owned(), value.parse().expect("values are numbers"))
}

fn program(facts: &Facts) -> String {
    let lines = facts.keys().map(|name| {
        format!("    printf(\"%s=%llu\\n\", \"{name}\", (unsigned long long)(uint64_t)({name}));\n")
    });
    let lines: String = lines.collect();
    format!("#include \"proxy_module.h\"\n#include <stdio.h>\nint main(void) {{\n{lines}    return 0;\n}}\n")
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

macro_rules! layout {
    ($facts:ident: $($rust:ty = $c:literal { $($field:ident),* })*) => {
        $(
            $facts.insert(format!("sizeof({})", $c), size_of::<$rust>() as u64);
            $($facts.insert(
                format!("offsetof({}, {})", $c, stringify!($field)),
                offset_of!($rust, $field) as u64,
            );)*
        )*
    };
}

fn layouts(facts: &mut Facts) {
    layout! { facts:
        abi::Call<'_> = "pm_call" { size, executor, host, err, random, now_ns, waker, deadline_ns, trace_id }
        abi::Directive = "pm_directive" { scopes, args, name, field, doc }
        abi::LogField<'_> = "pm_log_field" { key, value }
        abi::HookDecl<'_> = "pm_hook_decl" { size, kind, name, sig, in_size, out_size, doc, layout }
        abi::HookImpl<'_> = "pm_hook_impl" {
            size, order, name, sig, key, func, user, before, after, nbefore, nafter, scratch_size, scratch_align
        }
        abi::ClusterDecl<'_> = "pm_cluster_decl" { size, flags, name, at }
        abi::EndpointDecl<'_> = "pm_endpoint_decl" { size, weight, url, at }
        abi::Host = "pm_host" {
            size, major, minor, flags, reserved, max_level, log, set_error, declare_hook, hook, cluster, endpoint,
            blob, value_kind, value_text, value_len, value_at, get_ext, runner, run_hook
        }
        abi::Module = "pm_module" {
            magic, size, major, minor_min, minor_built, reserved, flags, ident, version, build, directives,
            ndirectives, directive_stride, init, fini
        }
        abi::NoteDesc = "pm_note_desc" { major, minor_min, minor_built, reserved, flags, ident }
        abi::Request<'_> = "pm_request" {
            size, version, id, method, scheme, authority, path, query, unparsed_uri, client, fields, notes
        }
        abi::RequestIn<'_> = "pm_request_in" { size, reserved, request, edits }
        abi::ResponseIn<'_> = "pm_response_in" {
            size, status, index, tries, id, request, fields, edits, endpoint, cluster
        }
        abi::LogIn<'_> = "pm_log_in" {
            size, status, tries, reserved, id, sent, received, total_us, request, endpoint
        }
        abi::Unit = "pm_unit" { size, reserved }
        abi::Stats = "pm_stats" { in_flight, conns, ewma_us, fails_in_row, total, errors }
        abi::Endpoint = "pm_endpoint" { id, addr, weight, health, flags, reserved, stats, blob }
        abi::EndpointSet = "pm_endpoint_set" {
            size, stride, version, cluster, reserved, name, ptr, len, usable, usable_len, blob
        }
        abi::LbIn<'_> = "pm_lb_in" {
            size, max_attempts, load_balancer_module_id, unparsed_uri, request, set, hash, hash_key, cfg, scratch,
            scratch_size, scratch_align
        }
        abi::TryVt = "pm_try_vt" { size, reserved, next, report_failure, drop, done, response_head }
        abi::NextIn<'_> = "pm_next_in" { size, attempt, set, tried, tried_words }
        abi::Target = "pm_target" { size, index, flags, reserved }
        abi::Failure = "pm_failure" { size, index, id, kind, os_error, elapsed_us }
        abi::Outcome = "pm_outcome" {
            size, index, id, result, http_status, connect_us, ttfb_us, total_us, sent, received
        }
    }
    facts.insert("__alignof__(pm_stats)".into(), align_of::<abi::Stats>() as u64);
    facts.insert("__alignof__(pm_note)".into(), align_of::<abi::Note>() as u64);
}

/// Of types whose fields Rust keeps private.
fn private_layouts(facts: &mut Facts) {
    fn add<const N: usize>(facts: &mut Facts, c: &str, size: usize, fields: [&str; N], offsets: [usize; N]) {
        facts.insert(format!("sizeof({c})"), size as u64);
        for (field, offset) in fields.iter().zip(offsets) {
            facts.insert(format!("offsetof({c}, {field})"), offset as u64);
        }
    }
    let bytes = ["ptr", "len"];
    add(facts, "pm_bytes", size_of::<abi::Bytes<'_>>(), bytes, abi::Bytes::OFFSETS);
    assert_eq!(
        (size_of::<abi::RawBytes>(), abi::RawBytes::OFFSETS),
        (size_of::<abi::Bytes<'_>>(), abi::Bytes::OFFSETS)
    );
    add(facts, "pm_fields", size_of::<abi::Fields<'_>>(), ["data", "at"], abi::Fields::OFFSETS);
    add(facts, "pm_edits", size_of::<abi::Edits<'_>>(), ["data", "edit"], abi::Edits::OFFSETS);
    add(facts, "pm_notes", size_of::<abi::Notes<'_>>(), ["data", "set", "get"], abi::Notes::OFFSETS);
    add(facts, "pm_lb_out", size_of::<abi::LbOut>(), ["size", "reserved", "vt", "ctx"], abi::LbOut::OFFSETS);
    let note = ["namesz", "descsz", "type", "name", "desc"];
    add(facts, "pm_note", size_of::<abi::Note>(), note, abi::Note::OFFSETS);
}

fn constants(facts: &mut Facts) {
    let mut add = |name: &str, value: u64| facts.insert(name.to_owned(), value);
    add("PM_MAJOR", abi::MAJOR.into());
    add("PM_MINOR", abi::MINOR.into());
    add("PM_MAGIC", abi::MAGIC);
    add("PM_NOTE_TYPE_MODULE", abi::NOTE_TYPE_MODULE.into());
    add("PM_FLAG_GUARDED", abi::flags::GUARDED.into());
    add("PM_FLAG_RUST", abi::flags::RUST.into());
    add("PM_FLAG_THREADS", abi::flags::THREADS.into());
    add("PM_SCOPE_SERVER", abi::scopes::SERVER.into());
    add("PM_SCOPE_VHOST", abi::scopes::VHOST.into());
    add("PM_SCOPE_LOCATION", abi::scopes::LOCATION.into());
    add("PM_SCOPE_CLUSTER", abi::scopes::CLUSTER.into());
    add("PM_STATIC_MODULE", abi::STATIC_MODULE.into());
    add("PM_TARGET_AGAIN", abi::Target::AGAIN.into());
    add("PM_ORDER_FIRST", abi::order::FIRST as u64);
    add("PM_ORDER_MIDDLE", abi::order::MIDDLE as u64);
    add("PM_ORDER_LAST", abi::order::LAST as u64);
    for (name, status) in [
        ("OK", Status::OK),
        ("DECLINED", Status::DECLINED),
        ("PENDING", Status::PENDING),
        ("DONE", Status::DONE),
        ("ERROR", Status::ERROR),
        ("PANICKED", Status::PANICKED),
        ("ABI", Status::ABI),
        ("LIMIT", Status::LIMIT),
        ("HTTP(403)", Status::http(403)),
    ] {
        add(&format!("PM_{name}"), i64::from(status.0) as u64);
    }
    for (name, number) in numbers() {
        add(&format!("PM_{name}"), number.into());
    }
    add("PM_SIG_LOAD_BALANCE", abi::signature_of::<abi::LoadBalance>());
    add("PM_SIG_POST_READ_REQUEST", abi::signature_of::<abi::PostReadRequest>());
    add("PM_SIG_ACCESS_CHECKER", abi::signature_of::<abi::AccessChecker>());
    add("PM_SIG_FIXUPS", abi::signature_of::<abi::Fixups>());
    add("PM_SIG_RESPONSE_HEAD", abi::signature_of::<abi::ResponseHead>());
    add("PM_SIG_LOG_TRANSACTION", abi::signature_of::<abi::LogTransaction>());
}

/// The enumerations.
fn numbers() -> impl Iterator<Item = (&'static str, u32)> {
    let args = [
        ("NO_ARGS", ArgKind::NO_ARGS),
        ("TAKE1", ArgKind::TAKE1),
        ("TAKE2", ArgKind::TAKE2),
        ("TAKE3", ArgKind::TAKE3),
        ("TAKE12", ArgKind::TAKE12),
        ("TAKE13", ArgKind::TAKE13),
        ("TAKE23", ArgKind::TAKE23),
        ("TAKE123", ArgKind::TAKE123),
        ("ITERATE", ArgKind::ITERATE),
        ("ITERATE2", ArgKind::ITERATE2),
        ("FLAG", ArgKind::FLAG),
        ("RAW_ARGS", ArgKind::RAW_ARGS),
        ("TAKE_ARGV", ArgKind::TAKE_ARGV),
        ("KEYED", ArgKind::KEYED),
        ("ROUTE", ArgKind::ROUTE),
    ];
    let hooks = [
        ("HOOK_FIRST", HookKind::FIRST),
        ("HOOK_ALL", HookKind::ALL),
        ("HOOK_VOID", HookKind::VOID),
        ("HOOK_FOLD", HookKind::FOLD),
        ("HOOK_KEYED", HookKind::KEYED),
    ];
    let levels = [
        ("LOG_ERROR", Level::ERROR),
        ("LOG_WARN", Level::WARN),
        ("LOG_INFO", Level::INFO),
        ("LOG_DEBUG", Level::DEBUG),
        ("LOG_TRACE", Level::TRACE),
    ];
    let values = [
        ("VALUE_NULL", abi::ValueKind::NULL),
        ("VALUE_TEXT", abi::ValueKind::TEXT),
        ("VALUE_LIST", abi::ValueKind::LIST),
        ("VALUE_MAP", abi::ValueKind::MAP),
    ];
    let blobs = [("BLOB_CLUSTER", BlobKind::CLUSTER), ("BLOB_ENDPOINT", BlobKind::ENDPOINT)];
    let health = [("HEALTH_UP", Health::UP), ("HEALTH_DOWN", Health::DOWN)];
    let edits =
        [("EDIT_SET", abi::EditOp::SET), ("EDIT_ADD", abi::EditOp::ADD), ("EDIT_UNSET", abi::EditOp::UNSET)];
    let failures = [
        ("FAILURE_RESOLVE", FailureKind::RESOLVE),
        ("FAILURE_REFUSED", FailureKind::REFUSED),
        ("FAILURE_TIMEOUT", FailureKind::TIMEOUT),
        ("FAILURE_UNREACHABLE", FailureKind::UNREACHABLE),
        ("FAILURE_NO_LOCAL_PORT", FailureKind::NO_LOCAL_PORT),
        ("FAILURE_OTHER", FailureKind::OTHER),
    ];
    let outcomes = [
        ("OUTCOME_OK", OutcomeResult::OK),
        ("OUTCOME_CONNECT", OutcomeResult::CONNECT),
        ("OUTCOME_UPSTREAM", OutcomeResult::UPSTREAM),
        ("OUTCOME_TIMEOUT", OutcomeResult::TIMEOUT),
        ("OUTCOME_CANCELLED", OutcomeResult::CANCELLED),
    ];
    args.into_iter()
        .map(|(name, kind)| (name, kind.0))
        .chain(hooks.map(|(name, kind)| (name, kind.0)))
        .chain(levels.map(|(name, level)| (name, level.0)))
        .chain(values.map(|(name, kind)| (name, kind.0)))
        .chain(blobs.map(|(name, kind)| (name, kind.0)))
        .chain(health.map(|(name, health)| (name, u32::from(health.0))))
        .chain(edits.map(|(name, op)| (name, op.0)))
        .chain(failures.map(|(name, kind)| (name, kind.0)))
        .chain(outcomes.map(|(name, result)| (name, result.0)))
}
