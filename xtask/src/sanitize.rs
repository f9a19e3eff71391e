//! The tests with the server, the modules and the tests themselves built under a sanitizer of LLVM, all of one kind, so
//! that the host's code and a loaded module's are watched by one runtime.
//!
//! The runtimes come with the stable toolchain; that the flags are not stable yet is what `RUSTC_BOOTSTRAP` overrides.
//! A module in C joins in too: gcc's calls are those of LLVM's runtime, and without a runtime of its own
//! (`-nodefaultlibs`) it finds the functions that the program exports. The standard library is not instrumented.

mod ordering;
mod reports;
mod selection;
mod symbolizer;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{self, Profile, root, run, target};
use crate::compiler::Compiler;
use crate::modules;
use reports::Reports;

/// To the linker: what modules call is in the program.
const EXPORTS: &str = "-rdynamic";

/// Which faults are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sanitizer {
    /// Memory that is not one's own, and leaks.
    Address,
    /// Data races.
    Thread,
}

impl Sanitizer {
    /// By its name on the command line.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Address, Self::Thread].into_iter().find(|sanitizer| sanitizer.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    /// What instrumented code calls, and no other.
    const fn mark(self) -> &'static str {
        match self {
            Self::Address => "__asan_report_load",
            Self::Thread => "__tsan_read",
        }
    }

    /// The variables that the runtime reads, for processes whose reports go to files that begin with `log`.
    fn options(self, log: &Path, symbolizer: &Path) -> Vec<(&'static str, String)> {
        let symbolizer = format!("external_symbolizer_path={}", symbolizer.display());
        let common = format!("log_path={}:exitcode=99:{symbolizer}", log.display());
        let suppressions = |name: &str| root().join("tests/sanitize").join(name).display().to_string();
        match self {
            Self::Address => vec![
                ("ASAN_OPTIONS", format!("{common}:detect_leaks=1:detect_stack_use_after_return=1")),
                ("LSAN_OPTIONS", format!("print_suppressions=0:suppressions={}", suppressions("leaks.txt"))),
            ],
            Self::Thread => {
                vec![("TSAN_OPTIONS", format!("{common}:suppressions={}", suppressions("races.txt")))]
            }
        }
    }
}

/// Builds everything under `sanitizer` and runs the tests; `filter` narrows them to names that hold it.
///
/// # Errors
/// If something does not build, a test fails, or the sanitizer reports anything, in whichever process.
pub(crate) fn run_tests(sanitizer: Sanitizer, filter: Option<&str>) -> Result<()> {
    let build = Build::new(sanitizer)?;
    build.modules()?;
    build.test_alarm()?;
    let tests = build.run_suite(filter);
    let reports = build.reports.found()?;
    reports::print(&reports);
    selection::print(sanitizer);
    println!("{}: {} reports", sanitizer.name(), reports.len());
    tests?;
    if !reports.is_empty() {
        bail!("the {} sanitizer has reported something: see above, and {}", sanitizer.name(), build.reports);
    }
    Ok(())
}

struct Build {
    sanitizer: Sanitizer,
    triple: String,
    target: PathBuf,
    reports: Reports,
    symbolizer: PathBuf,
    linker: Option<PathBuf>,
}

impl Build {
    fn new(sanitizer: Sanitizer) -> Result<Self> {
        let target = target()?.join("sanitize").join(sanitizer.name());
        let reports = Reports::new(target.join("reports"))?;
        let symbolizer = symbolizer::place(&target.join("bin"))?;
        let compiler = Compiler::ask()?;
        let linker = match sanitizer {
            Sanitizer::Address => None,
            Sanitizer::Thread => Some(ordering::linker(&target.join("bin"), &compiler)?),
        };
        Ok(Self { sanitizer, triple: compiler.host, target, reports, symbolizer, linker })
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        self.sanitizer.options(&self.reports.log(), &self.symbolizer)
    }

    /// A cargo command that builds under the sanitizer. The flags are given to this cargo alone and not by the
    /// environment, which tests would pass on to the compilers that they run.
    fn cargo(&self, verb: &str) -> Command {
        let flags = [
            &format!("-Zsanitizer={}", self.sanitizer.name()),
            "-Cunsafe-allow-abi-mismatch=sanitizer",
            "--cfg=sanitized",
            // What the standard library has compiled for types of its own is compiled anew, and instrumented.
            "-Zshare-generics=no",
            &format!("-Clink-arg={EXPORTS}"),
        ];
        let mut command = cargo::cargo(verb);
        command.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.arg("--config").arg(format!("target.{}.rustflags={flags:?}", self.triple));
        if let Some(linker) = &self.linker {
            command.arg("--config").arg(format!("target.{}.linker={linker:?}", self.triple));
        }
        // Named, so that build scripts and macros stay plain.
        command.args(["--target", &self.triple]).arg("--target-dir").arg(&self.target);
        command
    }

    fn built(&self) -> PathBuf {
        self.target.join(&self.triple).join("debug")
    }

    fn module_files(&self) -> PathBuf {
        self.target.join("modules")
    }

    /// Flags for modules in C.
    fn c_flags(&self) -> String {
        format!("-g -fno-omit-frame-pointer -fsanitize={} -nodefaultlibs -lc", self.sanitizer.name())
    }

    fn modules(&self) -> Result<()> {
        let out = self.module_files();
        for dir in [modules::PRODUCT, modules::TESTS] {
            for package in modules::packages(dir)? {
                let rustc = self.cargo("rustc");
                let placed = modules::build_by(rustc, &self.built(), &package, Profile::DEV, &out)?;
                println!("built {}", placed.display());
            }
        }
        for entry in fs::read_dir(&out)? {
            let file = entry?.path();
            self.check_instrumented(&file)?;
        }
        Ok(())
    }

    fn check_instrumented(&self, file: &Path) -> Result<()> {
        let (bytes, mark) = (fs::read(file)?, self.sanitizer.mark().as_bytes());
        if !bytes.windows(mark.len()).any(|part| part == mark) {
            bail!("{} was not built under the {} sanitizer", file.display(), self.sanitizer.name());
        }
        Ok(())
    }

    /// Loads a module that does what has to be reported, in a server of this build, and takes its report away.
    fn test_alarm(&self) -> Result<()> {
        run(self.cargo("build").args(["--package", "proxyd"]))?;
        let dir = self.target.join("alarm");
        fs::create_dir_all(&dir)?;
        let (module, config) = (dir.join("alarm.so"), dir.join("proxyd.conf"));
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread"]);
        cc.arg("-I").arg(root().join("crates/proxy-abi/include")).arg("-o").arg(&module);
        cc.arg(root().join("tests/modules/sanitized/alarm.c")).args(self.c_flags().split(' '));
        run(&mut cc)?;
        self.check_instrumented(&module)?;
        fs::write(&config, format!("Listen 127.0.0.1:0\nLoadModule fixture_module {}\n", module.display()))?;
        let mut proxyd = Command::new(self.built().join("proxyd"));
        proxyd.arg("-t").arg("-d").arg(&dir).arg("-f").arg(&config);
        let output = proxyd.envs(self.options()).output()?;
        let found = self.reports.found()?;
        if output.status.success() || found.is_empty() {
            let text = String::from_utf8_lossy(&output.stderr);
            bail!("a module with a fault was loaded, and nothing reported: {}\n{text}", output.status);
        }
        println!("the alarm works: {}", reports::headline(&found[0]));
        self.reports.clear()
    }

    fn run_suite(&self, filter: Option<&str>) -> Result<()> {
        let mut tests = self.cargo("test");
        // Examples in the docs are not built under these flags; the rest of the workspace is no part of the server.
        tests.args(["--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
        tests.args(["--exclude", "xtask", "--exclude", "hook-cost", "--exclude", "bench-load"]);
        tests.arg("--").args(filter);
        for test in selection::left_out(self.sanitizer) {
            tests.args(["--skip", test.name]);
        }
        // What prints a backtrace is in the standard library with its own locks, and out of sight.
        tests.env("RUST_BACKTRACE", "0").envs(self.options());
        tests.env("PROXYD_TEST_MODE", "shared").env("PROXYD_MODULES", self.module_files());
        run(tests.env("PROXYD_TEST_C_FLAGS", self.c_flags()))
    }
}
