//! The programs of a benchmark: built, started on chosen cores, waited for, stopped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::cargo::{Profile, cargo, output_dir, run, target};
use crate::{modules, profile_guided};

/// Where the proxy runs.
pub(crate) const PROXY_CORE: usize = 0;
/// Where clients and origins run.
pub(crate) const LOAD_CORE: usize = 1;
/// Descriptors that ten thousand clients and as many connections to origins need, and some.
const DESCRIPTORS: u64 = 65_536;
/// Programs that are not up, or not down, by then are given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is built here.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) proxyd: PathBuf,
    pub(crate) module: PathBuf,
    pub(crate) load: PathBuf,
    pub(crate) origin: PathBuf,
    pub(crate) floor: PathBuf,
}

impl Programs {
    /// Builds them; module files are placed in `out`. proxyd is built without a profile of its own runs, so that its
    /// figures do not change with what a training has seen.
    ///
    /// # Errors
    /// If one does not build.
    pub(crate) fn build(out: &Path) -> Result<Self> {
        Self::around(profile_guided::build_plain(Profile::DIST)?, out)
    }

    /// Builds what a given `proxyd` runs with.
    ///
    /// # Errors
    /// If one does not build.
    pub(crate) fn around(proxyd: PathBuf, out: &Path) -> Result<Self> {
        let profile = Profile::DIST;
        run(cargo("build").args(["--quiet", "--bins", "--package", "bench-load", "--profile", profile.0]))?;
        let module = modules::build_package("mod-proxy-lb", profile, out)?;
        let built = output_dir(profile)?;
        Ok(Self {
            proxyd,
            module,
            load: built.join("load"),
            origin: built.join("origin"),
            floor: built.join("floor"),
        })
    }

    /// Clients, on their core, before they are told what to do.
    pub(crate) fn load(&self) -> Command {
        Command::new(&self.load)
    }
}

/// The directory of a benchmark's configurations, logs and pages, made if it is missing.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn directory(name: &str) -> Result<PathBuf> {
    let dir = target()?.join("bench").join(name);
    fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    Ok(dir)
}

/// Raises the limit of descriptors for every program started from here; what it is then.
pub(crate) fn raise_descriptors() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(DESCRIPTORS);
    // Above the hard limit only for who may; the hard limit for everyone else.
    for wanted in [DESCRIPTORS.max(hard), hard] {
        if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: Some(wanted) }).is_ok() {
            return wanted;
        }
    }
    now.current.unwrap_or(hard)
}

/// Starts `command` on `cores`, wherever the system likes if there are none: a child inherits the cores of the thread
/// that starts it.
///
/// # Errors
/// If the machine lacks a core, or the program cannot be started.
pub(crate) fn spawn_on(cores: &[usize], command: &mut Command) -> Result<Child> {
    if cores.is_empty() {
        return started(command);
    }
    let before = sched_getaffinity(None)?;
    let mut wanted = CpuSet::new();
    cores.iter().for_each(|core| wanted.set(*core));
    let on = || cores.iter().map(usize::to_string).collect::<Vec<_>>().join(" and ");
    sched_setaffinity(None, &wanted)
        .with_context(|| format!("core {} is not to be had; a benchmark wants two cores", on()))?;
    let child = started(command);
    sched_setaffinity(None, &before)?;
    child
}

fn started(command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .with_context(|| format!("{} cannot be started", Path::new(command.get_program()).display()))
}

/// A program that runs until this goes out of scope.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn new(child: Child) -> Self {
        Self { child }
    }

    /// The process and its descendants.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let parents = parents();
        let mut pids = vec![self.child.id()];
        let mut next = 0;
        while let Some(&pid) = pids.get(next) {
            pids.extend(parents.iter().filter(|(_, parent)| *parent == pid).map(|(child, _)| *child));
            next += 1;
        }
        pids
    }

    /// Resident memory of the process and its descendants, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let of = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:").map(str::to_owned));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
        };
        self.pids().into_iter().map(of).sum()
    }

    /// Waits until something listens at `addr`.
    ///
    /// # Errors
    /// If the program ends first, or it takes too long.
    pub(crate) fn wait_for(&mut self, addr: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("ended before it listened at {addr}: {status}");
            }
            if Instant::now() > deadline {
                bail!("does not listen at {addr}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Asks the program to end and waits for it.
    ///
    /// # Errors
    /// If it does not.
    pub(crate) fn stop(self) -> Result<()> {
        let pid = self.child.id();
        self.stop_by(pid)
    }

    /// Asks the program that this one runs to end, and waits for both.
    ///
    /// # Errors
    /// If they do not.
    pub(crate) fn stop_traced(self) -> Result<()> {
        let pid = *self.pids().get(1).context("nothing is traced")?;
        self.stop_by(pid)
    }

    fn stop_by(mut self, pid: u32) -> Result<()> {
        if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("did not end when it was asked to");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Children first: without their parent nobody would end them.
        for pid in self.pids().into_iter().rev() {
            if let Some(pid) = Pid::from_raw(pid.cast_signed())
                && self.child.try_wait().is_ok_and(|ended| ended.is_none())
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// Each process and its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent))
    })
    .collect()
}

/// The origin, and the addresses it listens at.
#[derive(Debug)]
pub(crate) struct Origin {
    running: Running,
    pub(crate) addrs: Vec<SocketAddr>,
}

impl Origin {
    /// Starts one on `cores` that listens at `count` addresses.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(programs: &Programs, count: usize, cores: &[usize]) -> Result<Self> {
        let mut command = Command::new(&programs.origin);
        command.arg(count.to_string()).stdout(Stdio::piped());
        let mut child = spawn_on(cores, &mut command)?;
        let out = child.stdout.take().context("the origin has an output")?;
        let mut line = String::new();
        let running = Running::new(child);
        BufReader::new(out).read_line(&mut line)?;
        let words = line.trim().strip_prefix("listening ").context("the origin says no address")?;
        let addrs = words.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { running, addrs })
    }
}

impl Origin {
    /// Its process.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.running.pids()
    }
}

/// A port that nothing listens at.
///
/// # Errors
/// If there is none.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
