//! Where the code of a loaded module is, and that nobody can change it.

use std::fs;

use proxy_abi::ArgKind;
use proxy_core::module::{Carrier, ModuleDirective};
use proxy_dso::{Loader, PrivateCopy, inspect};

use crate::support::{Workshop, complaint, load};

#[test]
fn a_modules_facts_are_copied() {
    let Some(shop) = Workshop::new() else { return };
    let path = shop.build("mod_x.so", &["BUILD=1"]);
    let module = Loader::default().open("x_module", &path).unwrap();
    let info = module.info();
    assert_eq!((&*info.ident, &*info.version, &*info.build), ("x_module", "1.2.3", "cc; by hand"));
    assert_eq!(info.carrier, Carrier::Shared(path));
    let doc = "Do ACT: what init does.".to_owned();
    let directive = ModuleDirective { name: "Do".to_owned(), args: ArgKind::TAKE1, scopes: 1, doc };
    assert_eq!(info.directives, [directive]);
    assert_eq!(module.host().flags, 0);
}

#[test]
fn a_file_may_hold_several_modules_of_any_version() {
    let Some(shop) = Workshop::new() else { return };
    let macros = ["MAJOR=3", "MINOR=9", "SECOND_IDENT=\"y_module\"", "CONSTRUCTOR_ABORTS"];
    let notes = inspect(&shop.build("mod_x.so", &macros)).unwrap();
    let mut facts: Vec<_> =
        notes.modules.iter().map(|note| (note.major, note.minor_built, &note.ident[..9])).collect();
    facts.sort_unstable();
    assert_eq!(facts, [(3, 9, &b"x_module\0"[..]), (3, 9, &b"y_module\0"[..])]);
    assert!(inspect(&shop.path("none.so")).is_err());
}

#[test]
fn a_file_that_is_overwritten_or_deleted_after_loading_does_no_harm() {
    let Some(shop) = Workshop::new() else { return };
    let path = shop.build("mod_x.so", &["BUILD=2"]);
    let module = load(&path).unwrap();
    let len = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0xcc; len as usize]).unwrap();
    assert_eq!(complaint(&*module, "count"), "build 2, 1 inits, 0 finis");
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(complaint(&*module, "count"), "build 2, 2 inits, 0 finis");
    fs::remove_file(&path).unwrap();
    assert_eq!(complaint(&*module, "count"), "build 2, 3 inits, 0 finis");
    assert_eq!(module.info().directives[0].name, "Do");
}

#[test]
fn two_builds_of_one_module_live_at_once() {
    let Some(shop) = Workshop::new() else { return };
    let old = load(&shop.build("mod_x.so", &["BUILD=3"])).unwrap();
    let new = load(&shop.build("mod_x.so", &["BUILD=4"])).unwrap();
    assert_eq!(complaint(&*new, "count"), "build 4, 1 inits, 0 finis");
    assert_eq!(complaint(&*old, "count"), "build 3, 1 inits, 0 finis");
    drop(old);
    assert_eq!(complaint(&*new, "count"), "build 4, 2 inits, 0 finis");
}

#[test]
fn the_same_bytes_are_loaded_once_wherever_they_lie() {
    let Some(shop) = Workshop::new() else { return };
    let path = shop.build("mod_x.so", &["BUILD=5"]);
    let first = load(&path).unwrap();
    let other = shop.path("other.so");
    fs::copy(&path, &other).unwrap();
    let second = load(&other).unwrap();
    assert_eq!(complaint(&*first, "count"), "build 5, 1 inits, 0 finis");
    assert_eq!(complaint(&*second, "count"), "build 5, 2 inits, 0 finis");
    assert_eq!(second.info().carrier, Carrier::Shared(other));
}

/// The mapped files of this process whose names contain `part`.
fn mapped(part: &str) -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().filter(|line| line.contains(part)).count()
}

#[test]
fn a_copy_is_made_in_memory_or_in_a_directory() {
    let Some(shop) = Workshop::new() else { return };
    let names = ["IDENT=\"mem_module\"", "NOTE_IDENT=\"mem_module\"", "SYMBOL=mem_module"];
    let path = shop.build("mod_mem.so", &names);
    Loader { copy: PrivateCopy::Memory, ..Loader::default() }.open("mem_module", &path).unwrap();
    let policy = fs::read_to_string("/proc/sys/vm/memfd_noexec").unwrap_or_default();
    let there = if policy.trim() == "2" { "/mem_module.so (deleted)" } else { "/memfd:mem_module (deleted)" };
    assert!(mapped(there) > 0, "{there}");

    let names = ["IDENT=\"dir_module\"", "NOTE_IDENT=\"dir_module\"", "SYMBOL=dir_module"];
    let path = shop.build("mod_dir.so", &names);
    let loader = Loader { copy: PrivateCopy::Directory, ..Loader::default() };
    let first = loader.open("dir_module", &path).unwrap();
    assert!(mapped("/dir_module.so (deleted)") > 0);
    let second = loader.open("dir_module", &path).unwrap();
    assert_eq!(complaint(&*first, "count"), "build 0, 1 inits, 0 finis");
    assert_eq!(complaint(&*second, "count"), "build 0, 2 inits, 0 finis");
}
