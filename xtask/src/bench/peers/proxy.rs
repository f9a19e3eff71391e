//! The proxies: which are installed, what they are told, and starting them.

mod conf;

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::bench::rig::{LOAD_CORE, PROXY_CORE, Programs, Running, free_port, spawn_on};

/// A proxy of which this tool knows how to run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Proxyd,
    Nginx,
    Haproxy,
    Httpd,
    /// No proxy: what the system alone costs whoever passes requests on.
    Floor,
}

impl Kind {
    pub(crate) const PEERS: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Httpd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Proxyd => "proxyd",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Httpd => "httpd",
            Self::Floor => "floor",
        }
    }

    /// Debian's and Ubuntu's package.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Proxyd | Self::Floor => "proxyd",
            Self::Nginx => "nginx-light",
            Self::Haproxy => "haproxy",
            Self::Httpd => "apache2-bin",
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Proxyd | Self::Floor => &[],
            Self::Nginx => &["nginx"],
            Self::Haproxy => &["haproxy"],
            Self::Httpd => &["httpd", "apache2"],
        }
    }
}

/// A proxy that is here.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) kind: Kind,
    pub(crate) version: String,
    program: PathBuf,
}

/// What a proxy is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    /// Where configurations and logs go.
    pub(crate) dir: &'a Path,
    pub(crate) programs: &'a Programs,
    pub(crate) origins: &'a [SocketAddr],
    /// Whether it writes an access log.
    pub(crate) log: bool,
    /// Threads that serve, each on a core.
    pub(crate) executors: usize,
    /// Descriptors that it may open.
    pub(crate) descriptors: u64,
}

/// A proxy that serves.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) addr: SocketAddr,
    pub(crate) running: Running,
    /// Its processes.
    pub(crate) pids: Vec<u32>,
}

impl Proxy {
    /// The proxy of this repository.
    pub(crate) fn own(programs: &Programs) -> Self {
        let program = programs.proxyd.clone();
        Self { kind: Kind::Proxyd, version: version(&program, "-v"), program }
    }

    /// What to compare all of them with.
    pub(crate) fn floor(programs: &Programs) -> Self {
        let version = "no proxy: reads, writes and waits as few times as passing on takes".to_owned();
        Self { kind: Kind::Floor, version, program: programs.floor.clone() }
    }

    /// A peer, if it is installed.
    pub(crate) fn installed(kind: Kind) -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let dirs: Vec<_> =
            env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from)).collect();
        let of = |name: &&str| dirs.iter().map(|dir| dir.join(name)).find(|path| path.is_file());
        let program = kind.programs().iter().find_map(of)?;
        Some(Self { kind, version: version(&program, "-v"), program })
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be; where it says why.
    pub(crate) fn start(&self, task: &Task<'_>) -> Result<Serving> {
        let addr = free_port()?;
        let name = format!("{}{}", self.kind.name(), variant(task));
        let conf = task.dir.join(format!("{name}.conf"));
        if self.kind != Kind::Floor {
            let text = conf::text(self, task, addr, &name)?;
            fs::write(&conf, text).with_context(|| conf.display().to_string())?;
        }
        let output = task.dir.join(format!("{name}.out"));
        let file = File::create(&output).with_context(|| output.display().to_string())?;
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Proxyd => command.arg("-d").arg(task.dir).arg("-f").arg(&conf),
            Kind::Nginx => command.arg("-p").arg(task.dir).arg("-c").arg(&conf),
            // Not as a daemon, and without a second process that only watches.
            Kind::Haproxy => command.arg("-db").arg("-f").arg(&conf),
            Kind::Httpd => command.arg("-d").arg(task.dir).arg("-f").arg(&conf).arg("-DFOREGROUND"),
            Kind::Floor => command.args([addr, task.origins[0]].map(|addr| addr.to_string())),
        };
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        // A second executor gets a core of its own; where there are but two, it shares the clients'.
        let second = if cores() > 2 { 2 } else { LOAD_CORE };
        let on: &[usize] = if task.executors > 1 { &[PROXY_CORE, second] } else { &[PROXY_CORE] };
        let mut running = Running::new(spawn_on(on, &mut command)?);
        running.wait_for(addr).with_context(|| format!("{name}: see {}", output.display()))?;
        let pids = running.pids();
        Ok(Serving { addr, running, pids })
    }
}

/// Tells the files of one run from another's.
fn variant(task: &Task<'_>) -> String {
    let mut variant = String::new();
    if task.log {
        variant.push_str("-log");
    }
    if task.executors > 1 {
        variant.push_str(&format!("-{}-executors", task.executors));
    }
    variant
}

/// Cores of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The first line of what a program says to `flag`, on either output.
fn version(program: &Path, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else { return "unknown".to_owned() };
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&said).lines().next().unwrap_or("unknown").to_owned()
}
