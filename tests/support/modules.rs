//! Module files, each built at most once a run. `PROXYD_MODULES` names a directory that holds them ready.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

/// The round robin of the seed.
pub(crate) fn proxy_lb() -> PathBuf {
    rust("mod-proxy-lb")
}

/// A path, or why there is none.
type Module = Result<PathBuf, String>;

type Built = Mutex<BTreeMap<String, Arc<OnceLock<Module>>>>;

static BUILT: LazyLock<Built> = LazyLock::new(Built::default);

/// The path of the module `name`, made by `build` when it is first asked for; what failed is not tried again.
fn once(name: &str, build: impl FnOnce() -> Module) -> PathBuf {
    let cell = Arc::clone(BUILT.lock().unwrap().entry(name.to_owned()).or_default());
    cell.get_or_init(build).clone().unwrap_or_else(|text| panic!("{text}"))
}

/// The file of the package `package`, built as a shared library: `mod-proxy-lb` becomes `mod_proxy_lb.so`.
pub(crate) fn rust(package: &str) -> PathBuf {
    once(package, || {
        let file = format!("{}.so", package.replace('-', "_"));
        if let Some(ready) = ready(&file) {
            return Ok(ready);
        }
        // A target directory of its own: the one in use may be locked by the cargo that runs these tests.
        let target = tmp().join("modules-target");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["rustc", "--quiet", "--lib", "--crate-type", "cdylib", "--package", package]);
        cargo.arg("--target-dir").arg(&target).current_dir(root());
        run(&mut cargo)?;
        let built = target.join("debug").join(format!("lib{file}"));
        Ok(place(&built, &file))
    })
}

/// The file of a C source, named from the root of the repository, with further flags of the compiler.
pub(crate) fn c(source: &str, flags: &[&str]) -> PathBuf {
    let stem = Path::new(source).file_stem().unwrap().to_str().unwrap();
    let variant: String = flags.concat().chars().filter(char::is_ascii_alphanumeric).collect();
    compiled(
        format!("mod_{stem}{variant}.so"),
        &root().join(source),
        &root().join("crates/proxy-abi/include"),
        flags,
    )
}

/// A fixture of a released version, built with the header of that version.
pub(crate) fn frozen(version: &str, name: &str) -> PathBuf {
    let dir = root().join("tests/modules/fixtures").join(version);
    let file = format!("mod_{}_{name}.so", version.replace('.', "_"));
    compiled(file, &dir.join(format!("{name}.c")), &dir, &[])
}

/// `file`, of a C source and the header in `header_dir`.
fn compiled(file: String, source: &Path, header_dir: &Path, flags: &[&str]) -> PathBuf {
    once(&file.clone(), || {
        if let Some(ready) = ready(&file) {
            return Ok(ready);
        }
        // A run of its own in the same target directory may build it at the same time.
        let out = tmp().join(format!("{file}.{}.new", std::process::id()));
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2"]);
        cc.args(["-shared", "-fPIC", "-fvisibility=hidden", "-pthread"]).args(flags);
        cc.args(std::env::var("PROXYD_TEST_C_FLAGS").unwrap_or_default().split_whitespace());
        cc.arg("-I").arg(header_dir);
        cc.arg("-o").arg(&out).arg(source);
        run(&mut cc)?;
        Ok(place(&out, &file))
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tmp() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn ready(file: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("PROXYD_MODULES")?;
    let path = Path::new(&dir).join(file);
    path.is_file().then_some(path)
}

/// Puts a file where servers load it from; by renaming, since another run may be reading the old one.
fn place(built: &Path, file: &str) -> PathBuf {
    let dir = tmp().join("modules");
    fs::create_dir_all(&dir).unwrap();
    let (copy, path) = (dir.join(format!("{file}.{}", std::process::id())), dir.join(file));
    fs::copy(built, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    path
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}
