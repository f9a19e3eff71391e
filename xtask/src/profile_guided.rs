//! proxyd as it is shipped: built twice, the second time optimised for what a run of the first one has shown, which is
//! known as profile-guided optimisation. `training` is that run, and the same once more with what came of it.
//!
//! Both builds are kept below `target/profile-guided`, out of the way of all others, and name their target, so that
//! their flags do not reach build scripts and macros. Where nothing has changed cargo builds nothing, and a profile is
//! known by the program that it was taken of: there is no training then.

mod profdata;
mod training;

use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cargo::{Profile, cargo, output_dir, run, target};
use crate::compiler::Compiler;

/// What the user has the compiler told, as cargo hands it to build scripts: words with 0x1f between them.
const RUSTFLAGS: &str = env!("XTASK_RUSTFLAGS");

/// Flags beside which ours make no sense: who sets them has a profile of another kind in mind.
const OWN_PROFILE: [&str; 3] = ["profile-generate", "profile-use", "instrument-coverage"];

/// How proxyd was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// Guided by a profile of its own.
    Guided,
    /// Not guided by one, and why.
    Plain(String),
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guided => f.write_str("profile-guided"),
            Self::Plain(reason) => write!(
                f,
                "not profile-guided, by which a request takes about a quarter more instructions: {reason}"
            ),
        }
    }
}

/// Builds proxyd as it is shipped, and plainly if it is not `wanted` guided or cannot be; its file.
///
/// # Errors
/// If it does not build, or there are means to train it and it does not stand the training.
pub(crate) fn build(wanted: bool) -> Result<(PathBuf, Build)> {
    let compiler = Compiler::ask()?;
    match may_guide(wanted, RUSTFLAGS).and_then(|()| profdata::find(&compiler)) {
        Ok(tool) => Ok((Guided::new(compiler)?.build(&tool)?, Build::Guided)),
        Err(reason) => Ok((build_plain(Profile::DIST)?, Build::Plain(reason))),
    }
}

/// Builds proxyd by a profile of Cargo.toml alone; its file.
///
/// # Errors
/// If it does not build.
pub(crate) fn build_plain(profile: Profile) -> Result<PathBuf> {
    run(cargo("build").args(["--quiet", "--package", "proxyd", "--bin", "proxyd", "--profile", profile.0]))?;
    Ok(output_dir(profile)?.join("proxyd"))
}

/// Whether there is nothing against it, or what.
fn may_guide(wanted: bool, flags: &str) -> Result<(), String> {
    if !wanted {
        return Err("--no-pgo".to_owned());
    }
    match OWN_PROFILE.iter().find(|flag| flags.contains(**flag)) {
        Some(flag) => Err(format!("the flags that are set for the compiler have {flag} already")),
        None => Ok(()),
    }
}

/// The flags of one build: the user's, then `own`.
fn encoded(flags: &str, own: &str) -> String {
    if flags.is_empty() { own.to_owned() } else { format!("{flags}\x1f{own}") }
}

/// Both builds.
struct Guided {
    compiler: Compiler,
    dir: PathBuf,
}

impl Guided {
    fn new(compiler: Compiler) -> Result<Self> {
        let dir = target()?.join("profile-guided");
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        Ok(Self { compiler, dir })
    }

    fn build(&self, tool: &Path) -> Result<PathBuf> {
        // Where counters go if that program is run by somebody else: the training says another place.
        let counters = self.dir.join("counters");
        let instrumented =
            self.proxyd("instrumented", &format!("-Cprofile-generate={}", counters.display()))?;
        let profile = self.profile(&instrumented, tool)?;
        let guided = self.proxyd("optimised", &format!("-Cprofile-use={}", profile.display()))?;
        let proved = self.dir.join(format!("{:016x}.proved", key(&guided)?));
        if !proved.is_file() {
            println!("proving {}", guided.display());
            training::prove(&guided, &self.dir.join("proof"))?;
            fs::write(&proved, "").with_context(|| proved.display().to_string())?;
        }
        Ok(guided)
    }

    /// The profile of that program; taken, unless there is one.
    fn profile(&self, instrumented: &Path, tool: &Path) -> Result<PathBuf> {
        let profile = self.dir.join(format!("{:016x}.profdata", key(instrumented)?));
        if !profile.is_file() {
            println!("training {}", instrumented.display());
            let counters = training::train(instrumented, &self.dir.join("training"))?;
            self.forget_the_last()?;
            profdata::merge(tool, &counters, &profile)?;
        }
        Ok(profile)
    }

    /// Removes the profile before, and what was built by it: nobody will ask for that again.
    fn forget_the_last(&self) -> Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "profdata" || extension == "proved") {
                fs::remove_file(&path).with_context(|| path.display().to_string())?;
            }
        }
        let built = self.dir.join("optimised").join(&self.compiler.host);
        if built.exists() {
            fs::remove_dir_all(&built).with_context(|| built.display().to_string())?;
        }
        Ok(())
    }

    /// Builds proxyd with one more flag, in a directory of that name.
    fn proxyd(&self, name: &str, flag: &str) -> Result<PathBuf> {
        let (profile, host, out) = (Profile::DIST.0, &*self.compiler.host, self.dir.join(name));
        let mut command = cargo("build");
        command.args(["--quiet", "--package", "proxyd", "--bin", "proxyd", "--profile", profile]);
        command.args(["--target", host, "--target-dir"]).arg(&out);
        run(command.env("CARGO_ENCODED_RUSTFLAGS", encoded(RUSTFLAGS, flag)))?;
        Ok(out.join(host).join(profile).join("proxyd"))
    }
}

/// Tells profiles apart: by the program that ran, and what it was given to do.
fn key(program: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    fs::read(program).with_context(|| program.display().to_string())?.hash(&mut hasher);
    training::LOADS.hash(&mut hasher);
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_are_set_stay_in_front() {
        assert_eq!(encoded("", "-Cprofile-use=a b"), "-Cprofile-use=a b");
        assert_eq!(encoded("--cfg\x1fx", "-Cprofile-use=p"), "--cfg\x1fx\x1f-Cprofile-use=p");
    }

    #[test]
    fn flags_that_profile_already_stand_alone() {
        assert_eq!(may_guide(true, "-Ctarget-cpu=native"), Ok(()));
        assert_eq!(may_guide(false, ""), Err("--no-pgo".to_owned()));
        let refused = may_guide(true, "-Ctarget-cpu=native\x1f-Cprofile-use=mine.profdata").unwrap_err();
        assert!(refused.contains("profile-use"), "{refused}");
    }

    #[test]
    fn what_is_not_guided_says_what_that_costs() {
        assert_eq!(Build::Guided.to_string(), "profile-guided");
        let plain = Build::Plain("no tool".to_owned()).to_string();
        assert!(plain.starts_with("not profile-guided") && plain.ends_with(": no tool"), "{plain}");
    }
}
