//! That what is mapped is what was checked, and that it is tried first.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use proxy_core::module::ModuleFile;
use proxy_dso::trial::{Candidate, Preflight};
use proxy_dso::{Cause, Loader, PrivateCopy, Sum, inspect};

use crate::support::{Workshop, complaint};

/// Keeps what it was asked, and refuses modules that begin with `no`.
#[derive(Debug)]
struct Kept(Mutex<Vec<(String, Vec<u8>, bool)>>);

impl Preflight for Kept {
    fn try_out(&self, candidate: &Candidate<'_>) -> Result<(), Cause> {
        // By another way than the loader's, and at no cost to whoever reads from its beginning.
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(candidate.copy));
        let asked = (candidate.ident.to_owned(), fs::read(path).unwrap(), candidate.threads);
        self.0.lock().unwrap().push(asked);
        if candidate.ident.starts_with("no") {
            return Err(Cause::Tried { text: "does harm: leave that out".to_owned() });
        }
        Ok(())
    }
}

fn named(ident: &str) -> [String; 3] {
    [format!("IDENT=\"{ident}\""), format!("NOTE_IDENT=\"{ident}\""), format!("SYMBOL={ident}")]
}

fn build(shop: &Workshop, ident: &str, more: &str) -> std::path::PathBuf {
    let [ident, note, symbol] = named(ident);
    shop.build("m.so", &[&ident, &note, &symbol, more])
}

#[test]
fn a_file_is_tried_before_it_is_mapped_and_once() {
    static KEPT: Kept = Kept(Mutex::new(Vec::new()));
    let Some(shop) = Workshop::new() else { return };
    let asked = || std::mem::take(&mut *KEPT.0.lock().unwrap());
    for copy in [PrivateCopy::Memory, PrivateCopy::Directory] {
        let loader = Loader { copy, preflight: Some(&KEPT) };
        let path = build(&shop, "tried_module", &format!("BUILD={}", 70 + copy as u32));
        loader.open("tried_module", &path).unwrap();
        loader.open("tried_module", &path).unwrap();
        assert_eq!(asked(), [("tried_module".to_owned(), fs::read(&path).unwrap(), false)]);

        let path = build(&shop, "no_module", "CONSTRUCTOR_ABORTS");
        for _ in 0..2 {
            let refusal = loader.open("no_module", &path).unwrap_err();
            assert_eq!(refusal.to_string(), format!("{}: does harm: leave that out", path.display()));
        }
        assert_eq!(asked().len(), 2, "it may do better the next time");

        build(&shop, "other_module", "FLAGS=4");
        loader.open("other_module", &path).unwrap();
        assert_eq!(asked().len(), usize::from(copy == PrivateCopy::Memory), "threads");
    }
}

/// In place, half by half.
fn write_over(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    let (front, back) = bytes.split_at(bytes.len() / 2);
    file.write_all(front).unwrap();
    file.write_all(back).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// How many loads at least race with whoever exchanges the file.
const LOADS: usize = 200;

#[test]
fn a_file_that_is_exchanged_meanwhile_is_loaded_as_it_was_checked() {
    let Some(shop) = Workshop::new() else { return };
    let keep = |name: &str, build: &str| {
        let (built, kept) = (shop.build("m.so", &[build]), shop.path(name));
        fs::rename(built, &kept).unwrap();
        (inspect(&kept).unwrap().sum, fs::read(kept).unwrap())
    };
    let (wanted, other) = (keep("a.so", "BUILD=80"), keep("b.so", "BUILD=81"));
    let path = shop.path("m.so");
    fs::write(&path, &wanted.1).unwrap();
    let file = ModuleFile {
        ident: "x_module".to_owned(),
        path: path.clone(),
        below: None,
        sha256: Some(wanted.0.0),
    };
    let is_over = AtomicBool::new(false);
    let (mut loaded, mut refused, mut of_the_other) = (0, 0, 0);
    thread::scope(|scope| {
        // Whole, in another file's place, and at times written over in place; each is there for a moment.
        scope.spawn(|| {
            let new = shop.path("new");
            for round in 0_u32.. {
                for bytes in [&other.1, &wanted.1] {
                    fs::write(&new, bytes).unwrap();
                    fs::rename(&new, &path).unwrap();
                    if round % 8 == 0 {
                        write_over(&path, &other.1);
                        write_over(&path, bytes);
                    }
                    thread::sleep(Duration::from_micros(200));
                }
                if is_over.load(Relaxed) {
                    break;
                }
            }
        });
        while loaded + refused < LOADS || loaded == 0 || of_the_other == 0 {
            match Loader::default().open_file(&file) {
                Ok(module) => {
                    let said = complaint(&*module.code, "count");
                    assert!(said.starts_with("build 80, "), "{said}");
                    loaded += 1;
                }
                Err(refusal) => {
                    let Cause::WrongSum { found, wanted: asked } = refusal.cause else { panic!("{refusal}") };
                    assert!(asked == wanted.0 && found != wanted.0, "{refusal}");
                    // Or something of both, where it was written over in place.
                    of_the_other += usize::from(found == other.0);
                    refused += 1;
                }
            }
        }
        is_over.store(true, Relaxed);
    });
    let mut stderr = std::io::stderr();
    writeln!(stderr, "{loaded} loaded, {refused} refused, {of_the_other} of them the other").unwrap();
}

#[test]
fn a_sum_is_the_one_of_the_file() {
    let Some(shop) = Workshop::new() else { return };
    let path = shop.path("abc");
    fs::write(&path, "abc").unwrap();
    let file =
        |sum| ModuleFile { ident: "x_module".to_owned(), path: path.clone(), below: None, sha256: Some(sum) };
    let wrong = Loader::default().open_file(&file([0xab; 32])).unwrap_err();
    let found = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        wrong.to_string(),
        format!(
            "{}: has the sum sha256={found}, but sha256={} is asked for: if this file is meant, write its own sum",
            path.display(),
            "ab".repeat(32)
        )
    );
    let Cause::WrongSum { found: Sum(sum), .. } = wrong.cause else { panic!("{wrong}") };
    let right = Loader::default().open_file(&file(sum)).unwrap_err();
    assert!(matches!(right.cause, Cause::NotElf { .. }), "{right}");
}
