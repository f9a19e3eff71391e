//! Reload: the next generation is made beside the one in force, on a thread of its own, and put there by one store.
//! Whatever goes wrong before that changes nothing. Any number of those who ask while one is under way get the next
//! one, and the same.

mod change;
mod desk;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use proxy_core::generation::{Generation, Retired};
use proxy_http::executor::Phase;
use tracing::{error, info, warn};

pub(crate) use desk::{Account, Desk, Live, Outcome, Refusal};

use crate::admin::{Serving, Socket};
use crate::command_line::Options;
use crate::executors::Executors;
use crate::launch::Launch;
use crate::listening::{self, Listening};
use crate::logs::ErrorLog;
use crate::output::Messages;
use crate::pid_file::PidFile;
use crate::prepared::{self, InForce, Prepared, Wanted};
use crate::retirement::Retirement;
use crate::service::Notifier;
use crate::{Ended, descriptors, server};
use change::Change;

/// What the server holds beside its executors and a reload may replace.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) listening: Vec<Listening>,
    pub(crate) admin: Option<Serving>,
    pub(crate) pid_file: Option<PidFile>,
}

impl Holdings {
    /// Where the admin socket is; none if there is none any more.
    pub(crate) fn admin_place(&self) -> Option<PathBuf> {
        self.admin.as_ref().and_then(Serving::place).map(Path::to_owned)
    }

    /// Where the file is; none if somebody has removed or replaced it.
    pub(crate) fn pid_file_place(&self) -> Option<PathBuf> {
        self.pid_file.as_ref().filter(|file| file.is_there()).map(|file| file.path().to_owned())
    }
}

/// The thread that reloads, while it is there.
#[derive(Debug)]
pub(crate) struct Reloading {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// What a reload needs.
pub(crate) struct Reloader {
    /// With which the server was started.
    pub(crate) options: Options,
    pub(crate) log: Arc<ErrorLog>,
    pub(crate) executors: Arc<Executors>,
    pub(crate) holdings: Arc<Mutex<Holdings>>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) retirement: Arc<Retirement>,
    pub(crate) notifier: Notifier,
}

/// As much as the main thread has: modules begin here.
const STACK: usize = 8 * 1024 * 1024;
/// Characters of a line of a refusal in the error log.
const LONGEST: usize = 400;
/// How long the end of the server waits for a reload under way.
const PATIENCE: Duration = Duration::from_secs(2);

impl Reloading {
    /// Starts the thread.
    ///
    /// # Errors
    /// If there can be none.
    pub(crate) fn start(reloader: Reloader) -> io::Result<Self> {
        let desk = Arc::clone(&reloader.desk);
        let body = move || reloader.serve();
        let thread = thread::Builder::new().name("reload".to_owned()).stack_size(STACK).spawn(body)?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Where reloads are asked for.
    pub(crate) const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }
}

impl Drop for Reloading {
    /// A reload that does not end, as in a module that hangs, is left behind.
    fn drop(&mut self) {
        self.desk.close();
        let Some(thread) = self.thread.take() else { return };
        let deadline = Instant::now() + PATIENCE;
        while !thread.is_finished() {
            if Instant::now() >= deadline {
                warn!("a reload is still under way: a module may be stuck");
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // Its panics were caught and told.
        let _ = thread.join();
    }
}

impl Reloader {
    fn serve(self) {
        while let Some(asked) = self.desk.wait() {
            if asked > 1 {
                info!(event = "signal_coalesced", asked, "{asked} have asked for one and the same reload");
            }
            self.notifier.reloading();
            let outcome = catch_unwind(AssertUnwindSafe(|| self.reload())).unwrap_or_else(|payload| {
                // The panic hook has told it; dropping the payload could panic again.
                std::mem::forget(payload);
                Err(Refusal::fault("the reload panicked, as the error log says".to_owned()))
            });
            if let Err(refusal) = &outcome {
                self.tell(refusal);
            }
            self.notifier.ready(&self.status(&outcome));
            self.desk.ended(&outcome);
        }
    }

    fn reload(&self) -> Outcome {
        let began = Instant::now();
        self.check_is_running()?;
        let shared = self.executors.shared();
        let (number, old) = shared.published.current();
        let messages = Messages::kept();
        let (prepared, images) = (self.prepare(&old, &messages), proxy_dso::images());
        let Ok(prepared) = prepared else { return Err(Refusal::configuration(messages.into_text())) };
        let change = Change::between(&old, &prepared.generation, images.saturating_sub(self.desk.images()));
        self.desk.set_images(images);
        drop(old);
        self.put_in_force(prepared)?;
        let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
        let number = number + 1;
        let warnings = messages.into_text();
        for line in warnings.lines().filter(|line| !line.trim().is_empty()) {
            warn!("{line}");
        }
        info!(
            event = "generation_live",
            generation = number,
            ms = %format_args!("{milliseconds:.1}"),
            "generation {number} is in force: {change}"
        );
        Ok(Live { number, milliseconds, text: format!("{warnings}{change}") })
    }

    fn prepare(&self, old: &Generation, messages: &Messages) -> Result<Prepared, Ended> {
        let in_force = InForce { generation: old, holdings: &self.holdings };
        prepared::prepare(&self.options, messages, &mut Launch::default(), Some(&in_force))
    }

    /// Has all threads that are wanted and changes everything, or nothing.
    fn put_in_force(&self, mut prepared: Prepared) -> Result<(), Refusal> {
        let failed = |what: &str, error: &io::Error| Refusal::fault(format!("{what}: {error}"));
        let admin = std::mem::replace(&mut prepared.admin, Wanted::Same);
        let admin =
            self.serve_at(admin).map_err(|error| failed("the admin socket cannot be served", &error))?;
        let old = self.executors.shared().published.current().1;
        let most = self.room(&old, &prepared);
        let added = self.executors.grow(prepared.executors);
        added.map_err(|error| failed("executors cannot be started", &error))?;
        drop(old);
        self.check_is_running()?;
        self.change(prepared, admin, most);
        Ok(())
    }

    fn check_is_running(&self) -> Result<(), Refusal> {
        match self.executors.phase() {
            Phase::Running => Ok(()),
            _ => Err(Refusal::fault("the server is about to end".to_owned())),
        }
    }

    fn serve_at(&self, admin: Wanted<Socket>) -> io::Result<Wanted<Serving>> {
        let socket = match admin {
            Wanted::Same => return Ok(Wanted::Same),
            Wanted::Nothing => return Ok(Wanted::Nothing),
            Wanted::Another(socket) => socket,
        };
        let (executors, desk) = (Arc::downgrade(&self.executors), Arc::clone(&self.desk));
        socket.serve(executors, desk, Arc::clone(&self.retirement)).map(Wanted::Another)
    }

    /// The change itself. Nothing of it can fail.
    fn change(&self, prepared: Prepared, admin: Wanted<Serving>, most: Option<usize>) {
        let Prepared { generation, access_logs, error_log, levels, listening, pid_file, executors, .. } =
            prepared;
        self.log.change(levels.clone(), error_log);
        server::set_module_level(levels.loudest());
        let shared = self.executors.shared();
        if let Some(most) = most {
            shared.capacity.resize(most);
        }
        let (number, old) = shared.published.current();
        // Last of all: what modules learn between this and what follows is lost.
        generation.take_over_from(&old);
        drop(old);
        let (old, logs) = shared.publish(Arc::new(generation), Arc::new(access_logs));
        self.executors.follow(&listening::sockets(&listening));
        self.executors.shrink(executors);
        self.retirement.take(number, Retired::new(old), logs);
        let mut holdings = self.holdings();
        let before = std::mem::replace(&mut holdings.listening, listening.clone());
        if self.executors.phase() != Phase::Running {
            holdings.listening.clear();
        }
        let (old_admin, old_pid_file) =
            (replace(&mut holdings.admin, admin), replace(&mut holdings.pid_file, pid_file));
        drop(holdings);
        drop(old_pid_file);
        if let Some(old_admin) = old_admin {
            old_admin.retire();
        }
        listening::close_gone(before, &listening);
    }

    /// How many clients there may be from now on, if what decides it has changed.
    fn room(&self, old: &Generation, next: &Prepared) -> Option<usize> {
        let asked = next.generation.conf().max_connections;
        let (executors, listeners) = (next.executors, next.listening.len());
        let is_same = asked == old.conf().max_connections
            && executors == self.executors.counts().at_work
            && listeners == self.holdings().listening.len();
        (!is_same).then(|| descriptors::room(asked, executors, listeners).clients)
    }

    /// What has come of a reload, in one line.
    fn status(&self, outcome: &Outcome) -> String {
        match outcome {
            Ok(live) => format!("generation {} is in force", live.number),
            Err(refusal) => {
                let number = self.executors.shared().published.number();
                let (cause, _) = cause_first(refusal.text());
                format!("reload refused, generation {number} stays in force: {cause}")
            }
        }
    }

    /// One line says what there is to know, the others where.
    fn tell(&self, refusal: &Refusal) {
        let number = self.executors.shared().published.number();
        let (first, lines) = cause_first(refusal.text());
        let first = shortened(first.strip_prefix("proxyd: ").unwrap_or(first));
        error!(event = "config_rejected", generation = number, "generation {number} stays in force: {first}");
        for line in lines {
            error!("  {}", shortened(line));
        }
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}

/// The line that says why, and the others but for empty ones: warnings may stand before it.
fn cause_first(text: &str) -> (&str, Vec<&str>) {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let is_cause = |line: &&str| line.starts_with("proxyd: ") && !line.starts_with("proxyd: Warning ");
    let place = lines.iter().position(is_cause).unwrap_or(0);
    let first = if lines.is_empty() { "" } else { lines.remove(place) };
    (first, lines)
}

/// As much of a line as anybody reads: it may quote a value of any length.
fn shortened(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(LONGEST / 2) {
        Some((half, _)) if line.len() > LONGEST => {
            let rest = &line[half..];
            let last = rest.char_indices().rev().nth(LONGEST / 2 - 1).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{} … {}", &line[..half], &rest[last..]))
        }
        _ => Cow::Borrowed(line),
    }
}

/// Puts what is wanted in its place and gives back what has to go.
fn replace<T>(place: &mut Option<T>, wanted: Wanted<T>) -> Option<T> {
    match wanted {
        Wanted::Same => None,
        Wanted::Another(another) => place.replace(another),
        Wanted::Nothing => place.take(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_not_why() {
        let (warning, error) = ("proxyd: Warning on line 1", "proxyd: Syntax error on line 2");
        let text = format!("{warning}\n --> a\n\n{error}\n --> b\n");
        assert_eq!(cause_first(&text), (error, vec![warning, " --> a", " --> b"]));
        assert_eq!(cause_first("no thread\n"), ("no thread", vec![]));
        assert_eq!(cause_first(""), ("", vec![]));
    }

    #[test]
    fn long_lines_keep_both_ends() {
        assert_eq!(shortened("a \u{e9}"), "a \u{e9}");
        let line = format!("begin {}\u{e9}{} end", "\u{e9}".repeat(1000), "9".repeat(1000));
        let short = shortened(&line);
        assert!(short.starts_with("begin ") && short.ends_with("9 end") && short.contains(" … "), "{short}");
        assert_eq!(short.chars().count(), LONGEST + 3);
        let at_most = "\u{e9}".repeat(LONGEST / 2 + 1);
        assert_eq!(shortened(&at_most).chars().next_back(), Some('\u{e9}'));
    }
}
