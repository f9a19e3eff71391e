//! What the boundary is made of, as facts: a C expression and what Rust says it is. Golden tables keep them, and a
//! compiled program says what a C header makes of them.
#![allow(dead_code, reason = "not every test binary uses all of it")]

use std::fmt;
use std::io::ErrorKind;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proxy_abi as abi;
use proxy_abi::{ArgKind, BlobKind, FailureKind, Health, HookKind, Level, OutcomeResult, Status};

/// The header of this crate.
pub(crate) const HEADER_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include");

/// An expression of C, and its value: a number, a word of 64 bits in hexadecimal, a text, or a text and a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Fact {
    fn number(name: impl Into<String>, number: impl fmt::Display) -> Self {
        Self { name: name.into(), value: number.to_string() }
    }

    fn word(name: impl Into<String>, word: u64) -> Self {
        Self { name: name.into(), value: format!("{word:#018x}") }
    }

    /// A line of a table.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (name, value) = line.split_once(" = ")?;
        Some(Self { name: name.to_owned(), value: value.to_owned() })
    }

    /// Prints the line that says it in C.
    fn statement(&self) -> String {
        let name = &self.name;
        let (format, expression) = match self.value.as_bytes() {
            [b'"', .., b'"'] => ("\\\"%s\\\"", name.clone()),
            [b'"', ..] => ("\\\"%s\\\" 0x%016\" PRIx64 \"", name.clone()),
            [b'0', b'x', ..] => ("0x%016\" PRIx64 \"", format!("(uint64_t)({name})")),
            _ => ("%lld", format!("(long long)({name})")),
        };
        format!("    printf(\"{name} = {}\\n\", {expression});\n", format.replace("\\\\", "\\"))
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.name, self.value)
    }
}

/// What the header in `dir` makes of the names of `facts`; `None` without a compiler. `scratch` names a directory.
pub(crate) fn said_in_c(facts: &[Fact], dir: &str, scratch: &str) -> Option<Vec<Fact>> {
    let statements: String = facts.iter().map(Fact::statement).collect();
    let program = format!(
        "#include \"proxy_module.h\"\n#include <inttypes.h>\n#include <stdio.h>\nint main(void) {{\n{statements}    \
         return 0;\n}}\n"
    );
    let place = scratch_dir(scratch);
    let (source, binary) = (place.join("facts.c"), place.join("facts"));
    std::fs::write(&source, program).expect("the scratch directory is writable");
    let built =
        compile("cc", &["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"], dir, &source, &binary)?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(&binary).output().expect("the program just built runs");
    Some(String::from_utf8_lossy(&output.stdout).lines().filter_map(Fact::read).collect())
}

/// `None`, with a line that says so, if there is no such compiler.
pub(crate) fn compile(
    compiler: &str,
    flags: &[&str],
    header_dir: &str,
    source: &Path,
    output: &Path,
) -> Option<Output> {
    let mut command = Command::new(compiler);
    command.args(flags).args(["-I", header_dir, "-o"]).arg(output).arg(source);
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

pub(crate) fn scratch_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).expect("cargo's scratch directory is writable");
    dir
}

macro_rules! layout {
    ($facts:ident: $($rust:ty = $c:literal { $($field:ident),* })*) => {
        $(
            $facts.push(Fact::number(format!("sizeof({})", $c), size_of::<$rust>()));
            $($facts.push(Fact::number(
                format!("offsetof({}, {})", $c, stringify!($field)),
                offset_of!($rust, $field),
            ));)*
        )*
    };
}

/// Sizes and offsets.
pub(crate) fn layouts() -> Vec<Fact> {
    let mut facts = Vec::new();
    private_layouts(&mut facts);
    layout! { facts:
        abi::Call<'_> = "pm_call" { size, executor, host, err, random, now_ns, waker, deadline_ns, trace_id }
        abi::Directive = "pm_directive" { scopes, args, name, field, doc }
        abi::LogField<'_> = "pm_log_field" { key, value }
        abi::HookDecl<'_> = "pm_hook_decl" { size, kind, name, sig, in_size, out_size, doc, layout }
        abi::HookImpl<'_> = "pm_hook_impl" {
            size, order, name, sig, key, func, user, before, after, nbefore, nafter, scratch_size, scratch_align
        }
        abi::ProviderDecl<'_> = "pm_provider_decl" {
            size, reserved, group, name, sig, func, user, doc, layout
        }
        abi::KeepDecl<'_> = "pm_keep_decl" { size, kind, offset, version, name, save, load }
        abi::ClusterDecl<'_> = "pm_cluster_decl" { size, flags, name, at }
        abi::EndpointDecl<'_> = "pm_endpoint_decl" { size, weight, url, at }
        abi::Host = "pm_host" {
            size, major, minor, flags, reserved, max_level, log, set_error, declare_hook, hook, cluster, endpoint,
            blob, value_kind, value_text, value_len, value_at, get_ext, runner, run_hook, provide, provider,
            provided, call_provided, keep
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
    facts.push(Fact::number("__alignof__(pm_stats)", align_of::<abi::Stats>()));
    facts.push(Fact::number("__alignof__(pm_note)", align_of::<abi::Note>()));
    facts
}

/// Of types whose fields Rust keeps private.
fn private_layouts(facts: &mut Vec<Fact>) {
    fn add<const N: usize>(
        facts: &mut Vec<Fact>,
        c: &str,
        size: usize,
        fields: [&str; N],
        offsets: [usize; N],
    ) {
        facts.push(Fact::number(format!("sizeof({c})"), size));
        for (field, offset) in fields.iter().zip(offsets) {
            facts.push(Fact::number(format!("offsetof({c}, {field})"), offset));
        }
    }
    let bytes = ["ptr", "len"];
    add(facts, "pm_bytes", size_of::<abi::Bytes<'_>>(), bytes, abi::Bytes::OFFSETS);
    assert_eq!(
        (size_of::<abi::RawBytes>(), abi::RawBytes::OFFSETS),
        (size_of::<abi::Bytes<'_>>(), abi::Bytes::OFFSETS)
    );
    add(facts, "pm_random", size_of::<abi::Random>(), ["state"], abi::Random::OFFSETS);
    add(facts, "pm_fields", size_of::<abi::Fields<'_>>(), ["data", "at"], abi::Fields::OFFSETS);
    add(facts, "pm_edits", size_of::<abi::Edits<'_>>(), ["data", "edit"], abi::Edits::OFFSETS);
    add(facts, "pm_notes", size_of::<abi::Notes<'_>>(), ["data", "set", "get"], abi::Notes::OFFSETS);
    add(facts, "pm_lb_out", size_of::<abi::LbOut>(), ["size", "reserved", "vt", "ctx"], abi::LbOut::OFFSETS);
    let note = ["namesz", "descsz", "type", "name", "desc"];
    add(facts, "pm_note", size_of::<abi::Note>(), note, abi::Note::OFFSETS);
}

/// Numbers and names.
pub(crate) fn constants() -> Vec<Fact> {
    let mut facts = vec![
        Fact::word("PM_MAGIC", abi::MAGIC),
        Fact { name: "PM_NOTE_SECTION".to_owned(), value: format!("\"{}\"", abi::NOTE_SECTION) },
    ];
    facts.extend(numbers().map(|(name, number)| Fact::number(format!("PM_{name}"), number)));
    hook::<abi::LoadBalance>(&mut facts, "LOAD_BALANCE");
    hook::<abi::PostReadRequest>(&mut facts, "POST_READ_REQUEST");
    hook::<abi::AccessChecker>(&mut facts, "ACCESS_CHECKER");
    hook::<abi::Fixups>(&mut facts, "FIXUPS");
    hook::<abi::ResponseHead>(&mut facts, "RESPONSE_HEAD");
    hook::<abi::LogTransaction>(&mut facts, "LOG_TRANSACTION");
    facts
}

fn hook<H: abi::HookSpec>(facts: &mut Vec<Fact>, name: &str) {
    let sig = abi::signature_of::<H>();
    facts.push(Fact::word(format!("PM_SIG_{name}"), sig));
    facts.push(Fact { name: format!("PM_HOOK_{name}"), value: format!("\"{}\" {sig:#018x}", H::NAME) });
}

/// The enumerations.
fn numbers() -> impl Iterator<Item = (&'static str, i64)> {
    let words = [
        ("NOTE_TYPE_MODULE", abi::NOTE_TYPE_MODULE),
        ("FLAG_GUARDED", abi::flags::GUARDED),
        ("FLAG_RUST", abi::flags::RUST),
        ("FLAG_THREADS", abi::flags::THREADS),
        ("SCOPE_SERVER", abi::scopes::SERVER),
        ("SCOPE_VHOST", abi::scopes::VHOST),
        ("SCOPE_LOCATION", abi::scopes::LOCATION),
        ("SCOPE_CLUSTER", abi::scopes::CLUSTER),
        ("STATIC_MODULE", abi::STATIC_MODULE),
        ("MOST_KEPT", abi::MOST_KEPT as u32),
        ("TARGET_AGAIN", abi::Target::AGAIN),
    ];
    let signed = [
        ("ORDER_FIRST", abi::order::FIRST),
        ("ORDER_MIDDLE", abi::order::MIDDLE),
        ("ORDER_LAST", abi::order::LAST),
        ("OK", Status::OK.0),
        ("DECLINED", Status::DECLINED.0),
        ("PENDING", Status::PENDING.0),
        ("DONE", Status::DONE.0),
        ("ERROR", Status::ERROR.0),
        ("PANICKED", Status::PANICKED.0),
        ("ABI", Status::ABI.0),
        ("LIMIT", Status::LIMIT.0),
        ("HTTP(403)", Status::http(403).0),
    ];
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
    let words = words
        .into_iter()
        .chain(args.map(|(name, kind)| (name, kind.0)))
        .chain(hooks.map(|(name, kind)| (name, kind.0)))
        .chain(levels.map(|(name, level)| (name, level.0)))
        .chain(values.map(|(name, kind)| (name, kind.0)))
        .chain(blobs.map(|(name, kind)| (name, kind.0)))
        .chain(health.map(|(name, health)| (name, u32::from(health.0))))
        .chain(edits.map(|(name, op)| (name, op.0)))
        .chain(failures.map(|(name, kind)| (name, kind.0)))
        .chain(outcomes.map(|(name, result)| (name, result.0)));
    words
        .map(|(name, word)| (name, i64::from(word)))
        .chain(signed.map(|(name, number)| (name, number.into())))
}
