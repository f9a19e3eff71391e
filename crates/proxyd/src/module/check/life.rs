//! Loading and instances: what a module does outside of requests.

use std::fs;
use std::sync::Arc;

use proxy_abi::ArgKind;
use proxy_core::caller::Caller;
use proxy_core::module::{ModuleCode, ModuleDirective};
use proxy_core::registration::Registration;
use proxy_core::value::{Value, ValueKind};
use proxy_dso::Loader;
use rustix::time::{ClockId, clock_gettime};

use super::executor::Executor;
use super::rig::{self, Rig, Subject};
use super::{Finding, Not};

fn load(subject: &Subject) -> Result<Arc<dyn ModuleCode>, String> {
    Loader::default().open(&subject.ident, &subject.file).map_err(|refusal| refusal.to_string())
}

/// Open files and threads of this process.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    files: Vec<String>,
    threads: usize,
}

impl Held {
    fn now() -> Self {
        let names = |dir: &str| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<String> = names("/proc/self/fd")
            .filter_map(|fd| Some(fs::read_link(fd).ok()?.to_string_lossy().into_owned()))
            // The loader's own copy of the module, and the directory that is being read.
            .filter(|file| {
                !file.contains("memfd:") && !file.starts_with("/proc/") && !file.contains("proxyd-")
            })
            .collect();
        files.sort_unstable();
        Self { files, threads: names("/proc/self/task").count() }
    }

    fn compare(&self, later: &Self) -> Result<(), String> {
        if later.threads != self.threads {
            return Err(format!("{} threads before, {} after", self.threads, later.threads));
        }
        let more: Vec<&String> = later.files.iter().filter(|file| !self.files.contains(file)).collect();
        match more.first() {
            Some(file) => Err(format!("{file} is open afterwards")),
            None if later.files.len() > self.files.len() => {
                Err(format!("{} open files before, {} after", self.files.len(), later.files.len()))
            }
            None => Ok(()),
        }
    }
}

/// KiB of memory of this process that no file backs.
fn memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// What it prints, the parent sees.
pub(super) fn constructors(subject: &Subject) -> Finding {
    let before = Held::now();
    load(subject)?;
    before.compare(&Held::now())?;
    Ok("no output, no file, no thread".to_owned())
}

/// Processor time spent so far.
pub(super) fn spent_ms(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

pub(super) fn loads_fast(subject: &Subject) -> Finding {
    let before = spent_ms(ClockId::ProcessCPUTime);
    load(subject)?;
    let took = spent_ms(ClockId::ProcessCPUTime) - before;
    let evidence = format!("{took:.1} ms");
    if took < 100.0 { Ok(evidence) } else { Err(Not::Failed(evidence)) }
}

pub(super) fn accepted(subject: &Subject) -> Finding {
    let generation = rig::begin(subject)?;
    let hooks: Vec<&str> = generation
        .hook_table()
        .hooks()
        .iter()
        .filter(|hook| hook.members().iter().any(|(module, _)| *module == 0))
        .map(|hook| hook.name())
        .collect();
    let lines = if subject.config.is_empty() { "no line of its own" } else { "the lines given" };
    Ok(format!(
        "{lines}; implements {}",
        if hooks.is_empty() { "nothing".to_owned() } else { hooks.join(", ") }
    ))
}

/// Words that mean nothing, in the shape that the server would hand over.
fn nonsense_for(directive: &ModuleDirective) -> Option<Value> {
    let value = |kind| Value { span: None, kind };
    let text = |text: &str| value(ValueKind::Text(text.to_owned()));
    let words = || vec![text("\u{fffd}?"), text("-1"), text("")];
    let kind = match directive.args {
        // The server enters these.
        ArgKind::ROUTE => return None,
        ArgKind::NO_ARGS => ValueKind::Null,
        ArgKind::TAKE1 | ArgKind::RAW_ARGS => ValueKind::Text("\u{fffd}?".to_owned()),
        ArgKind::FLAG => ValueKind::Text("perhaps".to_owned()),
        ArgKind::KEYED | ArgKind::ITERATE2 => {
            ValueKind::Map(vec![("\u{fffd} ?".to_owned(), value(ValueKind::List(words())))])
        }
        _ => ValueKind::List(words()),
    };
    Some(value(kind))
}

/// Begins the module with one directive of nonsense: its words if it refuses.
fn try_nonsense(module: &dyn ModuleCode, directive: &str, value: &Value) -> Option<String> {
    let config = Value { span: None, kind: ValueKind::Map(vec![(directive.to_owned(), value.clone())]) };
    let begun = module.init(&Caller::new(u32::MAX), &config, &mut Registration::default());
    begun.err().map(|error| error.message)
}

fn directives(module: &dyn ModuleCode) -> Vec<(String, Value)> {
    let directives = module.info().directives.iter();
    directives.filter_map(|one| Some((one.name.clone(), nonsense_for(one)?))).collect()
}

pub(super) fn nonsense(subject: &Subject) -> Finding {
    let module = load(subject)?;
    let directives = directives(&*module);
    let mut refused = Vec::new();
    for (name, value) in &directives {
        let Some(words) = try_nonsense(&*module, name, value) else { continue };
        if words.starts_with("panicked") || words.starts_with("init ") {
            return Err(Not::Failed(format!("{name}: {words}")));
        }
        refused.push(format!("{name}: {words}"));
    }
    match refused.first() {
        _ if directives.is_empty() => {
            Err(Not::Skipped("it has no directive that it reads itself".to_owned()))
        }
        None => Ok(format!("{} directives, none refuses it", directives.len())),
        Some(first) => Ok(format!("{} of {} directives refuse it; {first}", refused.len(), directives.len())),
    }
}

/// Repeats `act` and sees what stays behind.
fn leaves_nothing(times: usize, act: impl Fn() -> Result<(), Not>) -> Finding {
    for _ in 0..times / 4 {
        act()?;
    }
    let (before, memory) = (Held::now(), memory_kib());
    for _ in 0..times {
        act()?;
    }
    before.compare(&Held::now())?;
    let grown = memory_kib().saturating_sub(memory);
    if grown > 512 {
        return Err(Not::Failed(format!("{grown} KiB more after {times} times")));
    }
    Ok(format!("{times} times: no file, no thread, {grown} KiB more"))
}

pub(super) fn refused_leaves_nothing(subject: &Subject) -> Finding {
    let module = load(subject)?;
    let directives = directives(&*module);
    let refused = directives.iter().find(|(name, value)| try_nonsense(&*module, name, value).is_some());
    let Some((name, value)) = refused else {
        return Err(Not::Skipped("it refuses nothing".to_owned()));
    };
    leaves_nothing(2000, || {
        try_nonsense(&*module, name, value);
        Ok(())
    })
}

pub(super) fn twice(subject: &Subject) -> Finding {
    let (one, other) = match (Rig::equal(subject, 3), Rig::equal(subject, 3)) {
        (Ok(one), Ok(other)) => (one, other),
        // Not a balancer: that both begin is all there is to see.
        (Err(Not::Skipped(_)), _) => {
            let _both = (rig::begin(subject)?, rig::begin(subject)?);
            return Ok("both began".to_owned());
        }
        (Err(not), _) | (_, Err(not)) => return Err(not),
    };
    let executors = [Executor::new(&one, 1), Executor::new(&other, 1)];
    let sets = [one.all(), other.all()];
    let mut picks = [Vec::new(), Vec::new()];
    for round in 0..60 {
        for (number, picks) in picks.iter_mut().enumerate() {
            picks.push(executors[number].pick(&sets[number], format!("/{round}").as_bytes())?);
        }
    }
    if picks[0] != picks[1] {
        return Err(Not::Failed("the same requests by turns: the instances disturb each other".to_owned()));
    }
    let all = one.all();
    drop(executors);
    drop(sets);
    drop(other);
    Executor::new(&one, 2).pick(&all, b"/")?;
    Ok("60 requests by turns, the same choices; one goes on after the other's end".to_owned())
}

pub(super) fn ended_leaves_nothing(subject: &Subject) -> Finding {
    let module = load(subject)?;
    // With a whole configuration the server's own part would be most of it.
    let config = Value::empty_map();
    let begin = || match module.init(&Caller::new(u32::MAX), &config, &mut Registration::default()) {
        Ok(instance) => {
            drop(instance);
            Ok(())
        }
        Err(error) => Err(Not::Skipped(format!("it needs configuration: {}", error.message))),
    };
    leaves_nothing(2000, begin)
}
