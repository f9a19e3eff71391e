//! The tree that is shipped, and the demo run from one.

mod sdk;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::{Profile, root, run, target};
use crate::modules::{self, place};
use crate::profile_guided;

/// Lays out `out`: `bin/proxyd`, `modules/mod_*.so`, `conf/` with the unit files, `include/proxy_module.h`,
/// `sdk/`. What is shipped is guided by a profile if `guided` and the toolchain can.
///
/// # Errors
/// If something does not build or cannot be written.
pub(crate) fn dist(profile: Profile, guided: bool, out: &Path) -> Result<()> {
    if profile == Profile::DIST {
        let (proxyd, build) = profile_guided::build(guided)?;
        place(&proxyd, &out.join("bin/proxyd"))?;
        println!("built {}, {build}", out.join("bin/proxyd").display());
    } else {
        place(&profile_guided::build_plain(profile)?, &out.join("bin/proxyd"))?;
        println!("built {}", out.join("bin/proxyd").display());
    }
    modules::build(profile, &out.join("modules"))?;
    copy_dir(&root().join("conf"), &out.join("conf"))?;
    place(&root().join("crates/proxy-abi/include/proxy_module.h"), &out.join("include/proxy_module.h"))?;
    place(&root().join("LICENSE"), &out.join("LICENSE"))?;
    sdk::place_sdk(&out.join("sdk"))?;
    println!("try   {} -d {} -t", out.join("bin/proxyd").display(), out.display());
    Ok(())
}

/// Builds a tree and runs the demo of the server in it.
///
/// # Errors
/// If the tree cannot be built, or the demo fails.
pub(crate) fn demo(keep: bool) -> Result<()> {
    let tree = target()?.join("tree");
    dist(Profile::DEV, false, &tree)?;
    println!();
    let mut demo = Command::new(tree.join("bin/proxyd"));
    demo.arg("demo");
    if keep {
        demo.arg("--keep");
    }
    run(&mut demo)
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            place(&entry.path(), &to)?;
        }
    }
    Ok(())
}
