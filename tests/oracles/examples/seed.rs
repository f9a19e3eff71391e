//! Writes the corpora of `tests/fuzz` from the repository's own data: `cargo run -p oracles --example seed`. Needs a C
//! compiler, for a module file that is whole. Files of other names, which fuzzers found, are left alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use oracles::message;

type Case = (&'static str, &'static [u8]);

const fn refused(id: &'static str, _status: u16, bytes: &'static [u8]) -> Case {
    (id, bytes)
}

const fn canonical(id: &'static str, _fragment: &'static [u8], bytes: &'static [u8]) -> Case {
    (id, bytes)
}

const fn incomplete(id: &'static str, bytes: &'static [u8]) -> Case {
    (id, bytes)
}

const CASES: &[Case] = include!("../../data/desync_cases.rs");

fn main() -> io::Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let corpora = tests.join("fuzz/corpus");
    for (id, bytes) in CASES {
        // The corpus has all kinds; the cases themselves are tested elsewhere.
        if id.len() % 4 == 0 {
            write(&corpora, "request_head", id, bytes)?;
        }
        let target = bytes.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if target.len() > 1 && target.len() < 200 {
            write(&corpora, "target_form", id, target)?;
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        if bytes.windows(7).any(|word| word == b"chunked") && bytes.len() > end + 4 {
            write(&corpora, "chunked_body", id, &bytes[end + 4..])?;
        }
        if let Some(line) = bytes[..end].split(|byte| *byte == b'\n').nth(2) {
            let value = line.splitn(2, |byte| *byte == b':').nth(1).unwrap_or(line);
            if id.len() % 3 == 0 {
                write(&corpora, "field_value", id, value.strip_suffix(b"\r").unwrap_or(value))?;
            }
        }
    }
    for seed in 1..25 {
        write(&corpora, "response_head", &format!("generated-{seed}"), &message::response(seed))?;
    }
    for file in ["proxyd.conf", "proxyd.toml", "extra/logging.conf", "extra/vhosts.conf"] {
        let text = fs::read(tests.join("../conf").join(file))?;
        write(&corpora, "configuration", &file.replace('/', "-"), &text)?;
    }
    let text = b"Define A b\n<IfDefine A>\nInclude conf/more.conf\n</IfDefine>\n<If\nX ${A} \\\n y \"z\n";
    write(&corpora, "configuration", "conditions", text)?;
    elf(&tests, &corpora)
}

/// A module file, and shorter and wrong ones.
fn elf(tests: &Path, corpora: &Path) -> io::Result<()> {
    let built = std::env::temp_dir().join(format!("seed-{}.so", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-Os", "-s", "-I"]).arg(tests.join("../crates/proxy-abi/include"));
    compiler.arg("-o").arg(&built).arg(tests.join("data/last_first.c"));
    if !compiler.status()?.success() {
        return Err(io::Error::other("cc cannot build tests/data/last_first.c"));
    }
    let whole = fs::read(&built)?;
    fs::remove_file(&built)?;
    write(corpora, "elf_note", "whole", &whole)?;
    for len in [0, 16, 64, 600, 4000] {
        write(corpora, "elf_note", &format!("first-{len}"), &whole[..len.min(whole.len())])?;
    }
    Ok(())
}

fn write(corpora: &Path, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let dir: PathBuf = corpora.join(target);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(name), bytes)
}
