//! Why a module is refused: one cause, one message, naming what was found, what is needed and what to do.

mod spelling;

use std::fmt;
use std::path::PathBuf;

use proxy_abi::{MAJOR, MINOR};
use thiserror::Error;

use spelling::{HERE, Hex, elf_kind, machine};

pub use spelling::Sum;

use crate::trial::Stage;

/// A module that does not come in, and why. Displays as one whole message without a final stop.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Refusal {
    /// The file as LoadModule names it, or the ident of a module that is compiled in.
    pub subject: String,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // httpd's words where httpd refuses as well, so that people and their scripts find them.
        if matches!(self.cause, Cause::Missing | Cause::Loader { .. }) {
            return write!(f, "cannot load {} into server: {}", self.subject, self.cause);
        }
        write!(f, "{}: {}", self.subject, self.cause)
    }
}

/// The causes, in the order in which they are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Cause {
    /// The path is relative: a module is never looked for in the current directory.
    #[error("a module's path must be absolute here: write it in full")]
    Relative,
    /// Nothing is there.
    #[error("there is no such file: check the path, or build the module first")]
    Missing,
    /// A link leads to somewhere else.
    #[error(
        "a link on the way leads to {}, outside of ServerRoot {}: name the file by its absolute path if it is meant",
        real.display(),
        root.display()
    )]
    OutsideRoot {
        /// ServerRoot.
        root: PathBuf,
        /// Where the link leads.
        real: PathBuf,
    },
    /// A directory, FIFO, device or socket.
    #[error("this is {kind}, not a regular file: name the module's .so file itself")]
    NotRegular {
        /// `a directory`.
        kind: &'static str,
    },
    /// The system does not let us read it.
    #[error("cannot be read ({error}): let user id {uid}, as which the server runs, read it")]
    Unreadable {
        /// The system's words.
        error: String,
        /// The server's effective user.
        uid: u32,
    },
    /// Somebody else can replace the file while the server runs as root.
    #[error("{complaint}, and the server runs as root: {remedy}")]
    Unsafe {
        /// Which file or directory, its owner and mode.
        complaint: String,
        /// A command.
        remedy: String,
    },
    /// More than a module may have.
    #[error("has {len} bytes, a module has at most {most}: strip its debug information")]
    TooLarge {
        /// Its size.
        len: u64,
        /// The limit.
        most: u64,
    },
    /// Another file than the one that is meant.
    #[error(
        "has the sum sha256={found}, but sha256={wanted} is asked for: if this file is meant, write its own sum"
    )]
    WrongSum {
        /// Its sum.
        found: Sum,
        /// That of LoadModule.
        wanted: Sum,
    },
    /// No byte at all.
    #[error("is empty: build or copy it again")]
    Empty,
    /// Another kind of file.
    #[error("is not an ELF file, it begins with {}: name a shared object built for this server", Hex(start))]
    NotElf {
        /// Its first bytes, at most four.
        start: Vec<u8>,
    },
    /// A part of it lies beyond its end.
    #[error("is cut short, its {what} is at bytes {offset} to {end} but the file has {len}: copy it again")]
    CutShort {
        /// `segment 2`.
        what: String,
        /// Where the part begins.
        offset: u64,
        /// Where it ends.
        end: u64,
        /// The file's size.
        len: u64,
    },
    /// ELF, but contradicting itself.
    #[error("is a broken ELF file, it has {what}: build or copy it again")]
    BrokenElf {
        /// The contradiction.
        what: String,
    },
    /// 32 bits, or big-endian.
    #[error("is {found}, this server is 64-bit little-endian: build the module for {}", machine(&HERE))]
    WrongClass {
        /// `32-bit`.
        found: &'static str,
    },
    /// Another CPU.
    #[error(
        "is built for {}, this server runs on {}: build the module for {}",
        machine(found),
        machine(here),
        machine(here)
    )]
    WrongMachine {
        /// `e_machine` of the file.
        found: u16,
        /// Of this server.
        here: u16,
    },
    /// A program, an object file or a core dump.
    #[error("is {}, not a shared object: link it as a cdylib, or in C with -shared", elf_kind(*kind))]
    NotShared {
        /// `e_type`.
        kind: u16,
    },
    /// A shared object, but of somebody else.
    #[error(
        "is a shared object but no proxyd module, it has no note .note.proxyd.module: build it with the crate proxy-module or with proxy_module.h"
    )]
    NoNote,
    /// All stacks of the server would be executable.
    #[error("wants its stack executable: link it with -z noexecstack")]
    ExecutableStack,
    /// Whoever can have the server write there can have it run what they like.
    #[error(
        "its segment at {address:#x} may be written and run: link it without -N, and keep code and data apart"
    )]
    WritableCode {
        /// Where it would be loaded, relative to the image.
        address: u64,
    },
    /// Its code would have to be written.
    #[error("has relocations in its code: compile all of it with -fPIC")]
    TextRelocations,
    /// Other files would come with it.
    #[error(
        "has the {kind} \"{value}\", where other files would be looked for: link it without -rpath, or run \
         `patchelf --remove-rpath` on it"
    )]
    SearchPath {
        /// `RUNPATH`.
        kind: &'static str,
        /// Its directories.
        value: String,
    },
    /// Another file would come with it.
    #[error(
        "needs {name}, a file that the server does not check: link that library into the module (its .a, in C++ \
         -static-libstdc++)"
    )]
    NeedsLibrary {
        /// `libz.so.1`.
        name: String,
    },
    /// The section holds somebody else's note.
    #[error("its module note is owned by \"{}\", a module's by \"PROXYD\": rebuild it with proxy-module or proxy_module.h", found.escape_ascii())]
    NoteOwner {
        /// Its owner.
        found: Vec<u8>,
    },
    /// The note is too short.
    #[error(
        "its module note has {found} bytes, a module's has 76: rebuild it with proxy-module or proxy_module.h"
    )]
    NoteSize {
        /// Its size.
        found: usize,
    },
    /// The note's ident is not one.
    #[error("its module note names \"{}\", which cannot name a module: use [a-z][a-z0-9_]*_module, at most 63 bytes", found.escape_ascii())]
    NoteIdent {
        /// What it names.
        found: Vec<u8>,
    },
    /// The file holds other modules, or says that it does.
    #[error("has no module {ident}, it has {}: name one of these in LoadModule", idents.join(", "))]
    SymbolMissing {
        /// The one asked for.
        ident: String,
        /// Those of its notes.
        idents: Vec<String>,
    },
    /// Another major version.
    #[error(
        "{ident} needs module ABI {major}.{minor}, this server speaks {MAJOR}.{MINOR}: rebuild it with proxy-module {MAJOR}.{MINOR} or use a {major}.x server"
    )]
    WrongMajor {
        /// The module.
        ident: String,
        /// What it was built for.
        major: u16,
        /// What it was built with.
        minor: u16,
    },
    /// Another minor version.
    #[error(
        "{ident} needs module ABI {major}.{minor}, this server speaks {MAJOR}.{MINOR}: rebuild it with proxy-module {MAJOR}.{MINOR}"
    )]
    WrongMinor {
        /// The module.
        ident: String,
        /// What it was built for.
        major: u16,
        /// What it was built with.
        minor: u16,
    },
    /// Rust without a guard against panics.
    #[error(
        "{ident} is written in Rust but does not catch its panics: export it with proxy_module::module! and build it with panic = \"unwind\""
    )]
    NoGuard {
        /// The module.
        ident: String,
    },
    /// No private copy could be made.
    #[error(
        "no private copy of it can be made ({error}): allow executable memory files, or a temporary directory that is not mounted noexec"
    )]
    NoCopy {
        /// The system's words.
        error: String,
    },
    /// No process could be started to try it in.
    #[error("could not be tried in a process of its own ({error}): see to that, and try again")]
    Untried {
        /// The system's words, or what went wrong.
        error: String,
    },
    /// It ended the process in which it was tried, by a signal.
    #[error("{stage} ended the process in which it was tried by {signal}, and would end the server: {}", stage.remedy())]
    Died {
        /// What it was about.
        stage: Stage,
        /// `SIGABRT`.
        signal: String,
    },
    /// It ended the process in which it was tried, by choice.
    #[error(
        "{stage} ended the process in which it was tried with exit code {code}, and would end the server: {}",
        stage.remedy()
    )]
    Exited {
        /// What it was about.
        stage: Stage,
        /// The exit code.
        code: i32,
    },
    /// It did not come to its end.
    #[error("{stage} did not come to its end within {seconds} s, and the server would wait for it: {}", stage.remedy())]
    TooSlow {
        /// What it was about.
        stage: Stage,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It did what is the server's business, or what it has not declared.
    #[error("{stage} {act} (system call {call}): {remedy}")]
    Forbidden {
        /// What it was about.
        stage: Stage,
        /// `starts a thread`.
        act: &'static str,
        /// `clone`.
        call: &'static str,
        /// What its author can do.
        remedy: &'static str,
    },
    /// It closed what is not its own.
    #[error("{stage} closes files that others have open: {}", stage.remedy())]
    Closes {
        /// What it was about.
        stage: Stage,
    },
    /// What the process that tried it found, in its words.
    #[error("{text}")]
    Tried {
        /// The message.
        text: String,
    },
    /// The dynamic loader's words.
    #[error("{text}: install what it needs, or rebuild it on this system")]
    Loader {
        /// What `dlopen` said, with the file's own path.
        text: String,
    },
    /// The note names a module that is not among the file's symbols.
    #[error(
        "its note names {ident} but it exports no such symbol ({text}): export the module's record under that name"
    )]
    NotExported {
        /// The module.
        ident: String,
        /// What `dlsym` said.
        text: String,
    },
    /// The symbol is something else.
    #[error(
        "the symbol {ident} begins with {found:016x} where a module's record has {expected:016x}: it is not a module's record, or one of another kind of server"
    )]
    WrongMagic {
        /// The module.
        ident: String,
        /// What it begins with.
        found: u64,
        /// What it should.
        expected: u64,
    },
    /// The record ends too early.
    #[error(
        "the record of {ident} has {found} bytes, this server needs {needed}: rebuild it with proxy-module {MAJOR}.{MINOR}"
    )]
    RecordTooSmall {
        /// The module.
        ident: String,
        /// Its size.
        found: u32,
        /// What is needed.
        needed: u32,
    },
    /// The record names itself otherwise.
    #[error("the record exported as {ident} names itself \"{}\": give both the same name", found.escape_ascii())]
    IdentDiffers {
        /// The symbol.
        ident: String,
        /// What the record says.
        found: Vec<u8>,
    },
    /// Note and record say different things.
    #[error(
        "{ident} has {field} {record} in its record but {note} in its note: make both from the same source"
    )]
    DiffersFromNote {
        /// The module.
        ident: String,
        /// Which fact.
        field: &'static str,
        /// What the record says.
        record: u32,
        /// What the note says.
        note: u32,
    },
    /// A required function is null.
    #[error("the record of {ident} has no {function} function: write one")]
    MissingFunction {
        /// The module.
        ident: String,
        /// `init`.
        function: &'static str,
    },
    /// The directive table cannot be read.
    #[error("the directive table of {ident} is wrong, {what}: correct it and rebuild")]
    BadDirectives {
        /// The module.
        ident: String,
        /// What is wrong.
        what: String,
    },
}
