//! What an author has and does: a folder of one's own, the tools, and a server that picks by the balancer.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::config::load_line;
use super::origin::Origin;
use super::server::Server;

/// An empty folder in which every command runs as in a shell where the group may write what is made.
pub(crate) struct Folder {
    pub(crate) dir: TempDir,
    pub(crate) target: Option<PathBuf>,
    /// Where cargo and rustc are.
    tools: PathBuf,
}

impl Folder {
    /// With a target directory of its own for all runs: the dependencies are built once.
    pub(crate) fn new() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors-target");
        Self { target: Some(target), ..Self::pristine() }
    }

    pub(crate) fn pristine() -> Self {
        let dir = tempfile::Builder::new().prefix("author-").tempdir().unwrap();
        Self { dir, target: None, tools: Path::new(env!("CARGO")).parent().unwrap().to_owned() }
    }

    /// With the tools of another toolchain.
    pub(crate) fn of(toolchain: &Toolchain) -> Self {
        let target =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("authors-target-{}", toolchain.name));
        Self { target: Some(target), tools: toolchain.tools.clone(), ..Self::pristine() }
    }

    /// Runs a command below the folder, which has to end well, and answers what it printed.
    pub(crate) fn run(&self, below: &str, words: &[&str]) -> String {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 002; exec \"$@\"", "sh"])
            .args(words)
            .current_dir(self.dir.path().join(below));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO")) {
            command.env_remove(name);
        }
        // What cargo was told about this repository is not true of the author's crate.
        command.env_remove("RUSTFLAGS").env_remove("RUSTUP_TOOLCHAIN").env("PATH", self.path());
        if let Some(home) = std::env::var_os("CARGO_HOME") {
            command.env("CARGO_HOME", home);
        }
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        let output = command.output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?} in {below:?}: {}\n{text}", output.status);
        text
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// That of the caller, with the tools in front.
    fn path(&self) -> String {
        format!("{}:{}", self.tools.display(), std::env::var("PATH").unwrap_or_default())
    }
}

/// A toolchain that rustup has installed.
pub(crate) struct Toolchain {
    name: String,
    tools: PathBuf,
    /// What its compiler calls itself, `rustc 1.95.0 (…)`.
    pub(crate) version: String,
}

impl Toolchain {
    /// Those whose compiler is another than the one of this run and knows the SDK's Rust.
    pub(crate) fn others() -> Vec<Self> {
        let ours = said(Path::new(env!("CARGO")).with_file_name("rustc"), &["--version"]).unwrap_or_default();
        let list = said("rustup", &["toolchain", "list"]).unwrap_or_default();
        let names = list.lines().filter_map(|line| line.split_ascii_whitespace().next());
        let mut others: Vec<Self> = names.filter_map(Self::named).collect();
        let least = minor(env!("CARGO_PKG_RUST_VERSION"));
        others.retain(|toolchain| toolchain.version != ours && toolchain.minor() >= least);
        others.dedup_by(|one, other| one.version == other.version);
        others
    }

    fn named(name: &str) -> Option<Self> {
        let cargo = said("rustup", &["which", "--toolchain", name, "cargo"])?;
        let tools = Path::new(&cargo).parent()?.to_owned();
        let version = said(tools.join("rustc"), &["--version"])?;
        Some(Self { name: name.to_owned(), tools, version })
    }

    fn minor(&self) -> u32 {
        minor(self.version.trim_start_matches("rustc "))
    }
}

/// 95 of `1.95` and of `1.95.0-nightly`.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
}

/// What a program printed, without the end of its line; `None` if it is not there or failed.
fn said(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The SDK as it lies in the repository, which has the shape of the one in a tree.
pub(crate) fn crates() -> String {
    format!("{}/crates", env!("CARGO_MANIFEST_DIR"))
}

/// The seed's configuration with two lines more: who answers is drawn by lot, and not in turns.
pub(crate) fn serves(ident: &str, file: &Path) {
    let origins = ["0", "1"].map(Origin::named);
    let [one, two] = origins.each_ref().map(Origin::url);
    let server = Server::conf(&format!(
        "{{lb}}
{load}LBMethod cluster1 {ident}
<IfModule mod_proxy_lb.c>
LBServerCluster cluster1 {one}
LBServerCluster cluster1 {two}
LBProxyPass /file500.html cluster1
LBProxyPass /snoop cluster1
</IfModule>
",
        load = load_line(ident, file)
    ));
    let answers: String = (0..40).map(|_| server.get("/snoop").text()).collect();
    let count = |name| answers.matches(name).count();
    assert_eq!(count("0") + count("1"), 40, "{answers}");
    assert!(count("0") > 4 && count("1") > 4, "{answers}");
    assert!(answers.contains("00") && answers.contains("11"), "turns: {answers}");
}
