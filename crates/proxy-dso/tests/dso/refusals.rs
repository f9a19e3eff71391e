//! One file for each refusal, and its exact text. Before the loader has its turn none of the module's code may
//! run: these files have a constructor that would end the test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use proxy_dso::{Cause, Loader, Refusal};

use crate::support::{Workshop, load};

/// Asserts the text of a refusal; `PATH` in it means the file.
#[track_caller]
fn refused(path: &Path, text: &str) {
    let found = load(path).map(drop).unwrap_err();
    assert_eq!(found, text.replace("PATH", path.to_str().unwrap()));
}

#[test]
fn files_that_are_none() {
    let Some(shop) = Workshop::new() else { return };
    refused(Path::new("modules/mod_x.so"), "PATH: a module's path must be absolute here: write it in full");
    refused(
        &shop.path("none.so"),
        "cannot load PATH into server: there is no such file: check the path, or build the module first",
    );
    refused(
        &shop.path(""),
        "PATH: this is a directory, not a regular file: name the module's .so file itself",
    );
    refused(
        Path::new("/dev/null"),
        "PATH: this is a device, not a regular file: name the module's .so file itself",
    );
    let socket = shop.path("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    refused(&socket, "PATH: this is a socket, not a regular file: name the module's .so file itself");
}

#[test]
fn a_fifo_without_a_writer_does_not_block() {
    let Some(shop) = Workshop::new() else { return };
    let fifo = shop.path("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    refused(&fifo, "PATH: this is a FIFO, not a regular file: name the module's .so file itself");
}

#[test]
fn files_that_may_not_be_read() {
    let Some(shop) = Workshop::new() else { return };
    if rustix::process::geteuid().is_root() {
        // Root reads everything but itself: its own memory at address 0.
        refused(
            Path::new("/proc/self/mem"),
            "PATH: cannot be read (input/output error): let user id 0, as which the server runs, read it",
        );
        return;
    }
    let path = shop.build("mod_x.so", &[]);
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let uid = rustix::process::geteuid().as_raw();
    refused(
        &path,
        &format!(
            "PATH: cannot be read (permission denied): let user id {uid}, as which the server runs, read it"
        ),
    );
}

#[test]
fn files_that_others_can_replace() {
    let Some(shop) = Workshop::new() else { return };
    let root = rustix::process::geteuid().is_root();
    let path = shop.build("mod_x.so", &["BUILD=20"]);
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(&path, 0o666);
    if !root {
        // Only said, not enforced.
        assert!(load(&path).is_ok());
        return;
    }
    refused(
        &path,
        "PATH: PATH has mode 0666, which lets everybody write it, and the server runs as root: chmod go-w PATH",
    );
    mode(&path, 0o644);
    let directory = path.parent().unwrap();
    mode(directory, 0o777);
    let text =
        "PATH: DIR has mode 0777, which lets everybody write it, and the server runs as root: chmod go-w DIR";
    refused(&path, &text.replace("DIR", directory.to_str().unwrap()));
    mode(directory, 0o1777);
    assert!(load(&path).is_ok(), "nobody else can replace a file in a sticky directory");
    std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    refused(&path, "PATH: PATH belongs to user id 12345, and the server runs as root: chown root PATH");
}

#[test]
fn files_of_another_kind() {
    let Some(shop) = Workshop::new() else { return };
    let path = shop.path("mod_x.so");
    fs::write(&path, "").unwrap();
    refused(&path, "PATH: is empty: build or copy it again");
    fs::write(&path, "#!/bin/sh\n").unwrap();
    refused(
        &path,
        "PATH: is not an ELF file, it begins with 23 21 2f 62: name a shared object built for this server",
    );
    fs::File::create(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    refused(&path, "PATH: has 67108865 bytes, a module has at most 67108864: strip its debug information");
}

/// Changes one byte of the header of a good file.
fn patched(shop: &Workshop, at: usize, byte: u8) -> std::path::PathBuf {
    let path = shop.build("mod_x.so", &["CONSTRUCTOR_ABORTS"]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] = byte;
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
#[cfg(target_arch = "x86_64")]
fn files_for_another_machine() {
    let Some(shop) = Workshop::new() else { return };
    refused(
        &patched(&shop, 4, 1),
        "PATH: is 32-bit, this server is 64-bit little-endian: build the module for x86-64",
    );
    refused(
        &patched(&shop, 5, 2),
        "PATH: is 64-bit big-endian, this server is 64-bit little-endian: build the module for x86-64",
    );
    refused(
        &patched(&shop, 18, 183),
        "PATH: is built for aarch64, this server runs on x86-64: build the module for x86-64",
    );
}

#[test]
fn files_that_are_no_shared_object() {
    let Some(shop) = Workshop::new() else { return };
    refused(
        &shop.compile("mod_x.o", "-c", &["CONSTRUCTOR_ABORTS"]),
        "PATH: is an object file, not a shared object: link it as a cdylib, or in C with -shared",
    );
    refused(
        &patched(&shop, 16, 2),
        "PATH: is a program, not a shared object: link it as a cdylib, or in C with -shared",
    );
    refused(
        &patched(&shop, 56, 0),
        "PATH: is a broken ELF file, it has no program headers of 56 bytes each: build or copy it again",
    );
}

#[test]
fn no_beginning_of_a_module_file_is_loaded() {
    let Some(shop) = Workshop::new() else { return };
    let path = shop.build("mod_x.so", &["CONSTRUCTOR_ABORTS"]);
    let bytes = fs::read(&path).unwrap();
    for len in (512..bytes.len()).step_by(512) {
        fs::write(&path, &bytes[..len]).unwrap();
        let refusal = Loader::default().open("x_module", &path).unwrap_err();
        assert!(matches!(refusal.cause, Cause::CutShort { .. }), "{len} bytes: {refusal}");
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let end = bytes.len();
    let start = u64::from_le_bytes(bytes[40..48].try_into().unwrap());
    refused(
        &path,
        &format!(
            "PATH: is cut short, its section header table is at bytes {start} to {end} but the file has {}: copy it again",
            end - 1
        ),
    );
}

#[test]
fn notes() {
    let Some(shop) = Workshop::new() else { return };
    let refused = |macros: &[&str], text| {
        refused(&shop.build("mod_x.so", &[macros, &["CONSTRUCTOR_ABORTS"]].concat()), text);
    };
    refused(
        &["NO_NOTE"],
        "PATH: is a shared object but no proxyd module, it has no note .note.proxyd.module: build it with the crate proxy-module or with proxy_module.h",
    );
    refused(
        &["NOTE_OWNER=\"HTTPD!\""],
        "PATH: its module note is owned by \"HTTPD!\", a module's by \"PROXYD\": rebuild it with proxy-module or proxy_module.h",
    );
    refused(
        &["NOTE_SIZE=40"],
        "PATH: its module note has 40 bytes, a module's has 76: rebuild it with proxy-module or proxy_module.h",
    );
    refused(
        &["NOTE_IDENT=\"X\""],
        "PATH: its module note names \"X\", which cannot name a module: use [a-z][a-z0-9_]*_module, at most 63 bytes",
    );
    refused(
        &["NOTE_IDENT=\"y_module\""],
        "PATH: has no module x_module, it has y_module: name one of these in LoadModule",
    );
    refused(
        &["NOTE_IDENT=\"y_module\"", "SECOND_IDENT=\"z_module\""],
        "PATH: has no module x_module, it has y_module, z_module: name one of these in LoadModule",
    );
}

#[test]
fn versions() {
    let Some(shop) = Workshop::new() else { return };
    let refused = |macros: &[&str], text| {
        refused(&shop.build("mod_x.so", &[macros, &["CONSTRUCTOR_ABORTS"]].concat()), text);
    };
    refused(
        &["MAJOR=2", "MINOR=0"],
        "PATH: x_module needs module ABI 2.0, this server speaks 0.1: rebuild it with proxy-module 0.1 or use a 2.x server",
    );
    refused(
        &["MINOR=2"],
        "PATH: x_module needs module ABI 0.2, this server speaks 0.1: rebuild it with proxy-module 0.1",
    );
    refused(
        &["MINOR=0"],
        "PATH: x_module needs module ABI 0.0, this server speaks 0.1: rebuild it with proxy-module 0.1",
    );
    refused(
        &["FLAGS=2"],
        "PATH: x_module is written in Rust but does not catch its panics: export it with proxy_module::module! and build it with panic = \"unwind\"",
    );
}

#[test]
fn what_the_loader_says() {
    let Some(shop) = Workshop::new() else { return };
    refused(
        &shop.build("mod_x.so", &["UNDEFINED"]),
        "cannot load PATH into server: PATH: undefined symbol: nowhere: install what it needs, or rebuild it on this system",
    );
    let path = shop.build("mod_x.so", &["SYMBOL=other_module"]);
    let text = load(&path).map(drop).unwrap_err();
    let start = "PATH: its note names x_module but it exports no such symbol ("
        .replace("PATH", path.to_str().unwrap());
    assert!(text.starts_with(&start), "{text}");
    assert!(
        text.ends_with("undefined symbol: x_module): export the module's record under that name"),
        "{text}"
    );
}

#[test]
fn records() {
    let Some(shop) = Workshop::new() else { return };
    let refused = |macros: &[&str], text| refused(&shop.build("mod_x.so", macros), text);
    refused(
        &["MAGIC=0x4150323441503234"],
        "PATH: the symbol x_module begins with 3432504134325041 where a module's record has 50584d4f44554c45: it is not a module's record, or one of another kind of server",
    );
    refused(
        &["SIZE=64"],
        "PATH: the record of x_module has 64 bytes, this server needs 104: rebuild it with proxy-module 0.1",
    );
    refused(
        &["IDENT=\"y_module\""],
        "PATH: the record exported as x_module names itself \"y_module\": give both the same name",
    );
    refused(
        &["NOTE_FLAGS=4"],
        "PATH: x_module has flags 0 in its record but 4 in its note: make both from the same source",
    );
    refused(&["INIT=0"], "PATH: the record of x_module has no init function: write one");
    refused(&["FINI=0"], "PATH: the record of x_module has no fini function: write one");
}

#[test]
fn directive_tables() {
    let Some(shop) = Workshop::new() else { return };
    let refused = |macros: &[&str], what| {
        let text = format!("PATH: the directive table of x_module is wrong, {what}: correct it and rebuild");
        refused(&shop.build("mod_x.so", macros), &text);
    };
    let entry = |start: &str| format!("DIRECTIVES={{{start},BYTES(\"f\"),BYTES(\"d\")}},");
    let twice = entry("1,1,BYTES(\"Do\")") + "{1,1,BYTES(\"DO\"),BYTES(\"f\"),BYTES(\"d\")},";
    refused(&["STRIDE=40"], "its entries are 40 bytes apart, each has 56");
    refused(&["STRIDE=60"], "its entries are 60 bytes apart, each has 56");
    refused(&["NDIRECTIVES=2000"], "it has 2000 entries, at most 1024 may be");
    refused(&[&entry("1,99,BYTES(\"Do\")")], "Do takes arguments of the unknown kind 99");
    refused(&[&entry("0,1,BYTES(\"Do\")")], "Do stands in the unknown scopes 0x0");
    refused(&[&entry("1,1,BYTES(\"<Do>\")")], "\"<Do>\" cannot name a directive");
    refused(&[&twice], "DO stands in it twice");
}

/// Which cannot be brought about without changing the system under the other tests.
#[test]
fn no_place_for_a_copy() {
    let cause = Cause::NoCopy { error: "no space left on device".to_owned() };
    let refusal = Refusal { subject: "/m/x.so".to_owned(), cause };
    assert_eq!(
        refusal.to_string(),
        "/m/x.so: no private copy of it can be made (no space left on device): allow executable memory files, or a temporary directory that is not mounted noexec"
    );
}
