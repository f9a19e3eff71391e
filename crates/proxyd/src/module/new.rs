//! `proxyd module new NAME`: writes a balancer that works, to change from there.
//!
//! What is written is `modules/template`, a crate that builds where it stands, with another name and with paths to
//! the SDK of the tree that this program is in.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::Ended;
use crate::output::{self, Messages};

#[cfg(test)]
mod tests;

/// What is written, and against which SDK.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct New {
    /// Name of the balancer and of the folder it is written to, such as lb-mine
    #[arg(value_parser = name)]
    name: String,
    /// In C, with the header alone
    #[arg(long)]
    c: bool,
    /// Where the SDK is, if not in DIR/sdk beside DIR/bin/proxyd
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

/// Writes it into a new folder below the current one.
pub(crate) fn run(new: &New) -> Ended {
    match sdk(new).and_then(|sdk| write(new, &sdk, Path::new(&new.name))) {
        Ok(()) => {
            output::result(fill(if new.c { NEXT_C } else { NEXT_RUST }, &new.name, ""));
            Ended::Well
        }
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd: {text}"));
            Ended::NotStarted
        }
    }
}

const NEXT_RUST: &str = "\
wrote lb-template: a balancer that draws by lot. Next:

  cd lb-template
  cargo test
  cargo build --release
  proxyd module check target/release/libmod_lb_template.so
  proxyd module run target/release/libmod_lb_template.so
";

const NEXT_C: &str = "\
wrote lb-template: a balancer that draws by lot. Next:

  cd lb-template
  make
  proxyd module check mod_lb_template.so
  proxyd module run mod_lb_template.so
";

/// A file of the template: its path below the folder, and its text.
type File = (&'static str, &'static str);

const RUST: [File; 7] = [
    ("Cargo.toml", include_str!("../../../../modules/template/rust/Cargo.toml")),
    ("Cargo.lock", include_str!("../../../../modules/template/rust/Cargo.lock")),
    ("src/lib.rs", include_str!("../../../../modules/template/rust/src/lib.rs")),
    ("tests/pick.rs", include_str!("../../../../modules/template/rust/tests/pick.rs")),
    ("demo.conf", include_str!("../../../../modules/template/rust/demo.conf")),
    ("README.md", include_str!("../../../../modules/template/rust/README.md")),
    (".gitignore", include_str!("../../../../modules/template/rust/.gitignore")),
];

const C: [File; 4] = [
    ("lb_template.c", include_str!("../../../../modules/template/c/lb_template.c")),
    ("Makefile", include_str!("../../../../modules/template/c/Makefile")),
    ("demo.conf", include_str!("../../../../modules/template/c/demo.conf")),
    ("README.md", include_str!("../../../../modules/template/c/README.md")),
];

/// Where the template itself finds the SDK.
const SDK: &str = "../../../crates";

/// The template's text under another name, `lb-mine` and `lb_mine`.
fn fill(text: &str, name: &str, sdk: &str) -> String {
    let ident = name.replace('-', "_");
    text.replace("lb-template", name).replace("lb_template", &ident).replace(SDK, sdk)
}

fn write(new: &New, sdk: &str, dir: &Path) -> Result<(), String> {
    fs::create_dir(dir).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            format!("{} is there already: choose another name, or remove it", dir.display())
        }
        _ => format!("{} cannot be made: {error}", dir.display()),
    })?;
    let files: &[File] = if new.c { &C } else { &RUST };
    for (path, text) in files {
        let path = dir.join(fill(path, &new.name, sdk));
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| fs::write(&path, fill(text, &new.name, sdk)));
        written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    Ok(())
}

/// Where the SDK is, as it is written into the files.
fn sdk(new: &New) -> Result<String, String> {
    let dir = match &new.sdk {
        Some(dir) => dir.clone(),
        None => beside_this_program()?,
    };
    let needed = dir.join(if new.c { "proxy-abi/include/proxy_module.h" } else { "proxy-module/Cargo.toml" });
    if !needed.is_file() {
        return Err(format!(
            "there is no {}: name the SDK with --sdk DIR; a tree of 'cargo xtask dist' has it in DIR/sdk",
            needed.display()
        ));
    }
    let dir = fs::canonicalize(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let text =
        dir.to_str().filter(|text| !text.contains(['"', '\\', '$', '#']) && !text.contains(char::is_control));
    text.map(str::to_owned).ok_or_else(|| {
        format!("the path {} has a character that cargo or make would not read: move the SDK", dir.display())
    })
}

fn beside_this_program() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let tree = program.parent().and_then(Path::parent);
    tree.map(|tree| tree.join("sdk")).ok_or_else(|| format!("{} is in no tree", program.display()))
}

/// Takes what names a package, a C file and an ident alike.
fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_word = text.bytes().all(fits) && !text.ends_with('-') && !text.contains("--");
    let ident = format!("{}_module", text.replace('-', "_"));
    if !is_word || !proxy_abi::ident_is_valid(ident.as_bytes()) {
        return Err("use lower case letters, digits and single hyphens, as in lb-mine".to_owned());
    }
    // Packages that it depends on; cargo tells no two of one name apart.
    if ["proxy-abi", "proxy-module", "proxy-module-derive", "proxy-module-test"].contains(&text) {
        return Err("a part of the SDK bears that name".to_owned());
    }
    Ok(text.to_owned())
}
