//! What the standard library orders out of ThreadSanitizer's sight. It comes compiled without the sanitizer, so that a
//! lock taken at once, whose code is inlined into ours, is seen, and one that had to be waited for is not: everything
//! behind it would be reported. The linker puts functions of ours around those few, which say what they order.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::run;
use crate::compiler::Compiler;

/// Ends of the functions' mangled names, and their wrappers in C, where `REAL` and `WRAP` are the two functions.
const WRAPPED: &[(&str, &str)] = &[
    ("5mutex5futexNtB2_5Mutex14lock_contended", ACQUIRES),
    ("6rwlock5futexNtB2_6RwLock14read_contended", ACQUIRES),
    ("6rwlock5futexNtB2_6RwLock15write_contended", ACQUIRES),
    (
        "7condvar5futexNtB2_7Condvar4wait",
        "void WRAP(void *c, void *m) { __tsan_release(m); REAL(c, m); __tsan_acquire(m); }",
    ),
    (
        "7condvar5futexNtB2_7Condvar12wait_timeout",
        "_Bool WRAP(void *c, void *m, long s, unsigned n) {\n    _Bool told;\n    __tsan_release(m);\n    \
         told = REAL(c, m, s, n);\n    __tsan_acquire(m);\n    return told;\n}",
    ),
    ("4once5futexNtB5_4Once4call", ONCE),
    (
        "6scopedNtB2_9ScopeData29decrement_num_running_threads",
        // The count is one of its first two words.
        "void WRAP(char *scope, _Bool panicked) {\n    __tsan_release(scope);\n    __tsan_release(scope + 8);\n    \
         REAL(scope, panicked);\n}",
    ),
];

/// Others go on as soon as the state is written, which is within the library: what was made is released before, at the
/// end of the function that makes it. It is `call_mut`, the fifth word of the table of a `dyn FnMut`.
const ONCE: &str = "\
void WRAP(void *once, _Bool ignore, void *data, void **table, void *place) {
    struct making making = {data, table, once};
    void *own[5];
    int i;
    for (i = 0; i < 4; i++) own[i] = table[i];
    own[4] = (void *)make;
    REAL(once, ignore, &making, own, place);
    __tsan_acquire(once);
}";

const HEAD: &str = "\
void __tsan_acquire(void *);
void __tsan_release(void *);
struct making { void *data; void **table; void *once; };
static void make(struct making *making, void *state) {
    ((void (*)(void *, void *))making->table[4])(making->data, state);
    __tsan_release(making->once);
}
";

const ACQUIRES: &str = "void WRAP(void *lock) { REAL(lock); __tsan_acquire(lock); }";

/// The last reference to an Arc goes by a decrement that releases and a fence that acquires, or is taken apart
/// (`try_unwrap`) by an exchange without an order and such a fence; the runtime knows no fence. So each decrement that
/// releases acquires as well, and an exchange acquires: 0 is the runtime's number of no order, 2 and 3 those of
/// acquiring and releasing, 4 that of both.
const ATOMIC: &[(&str, &str)] = &[
    (
        "__tsan_atomic64_fetch_sub",
        "long WRAP(volatile long *at, long by, int order) { return REAL(at, by, order == 3 ? 4 : order); }",
    ),
    (
        "__tsan_atomic64_compare_exchange_val",
        "long WRAP(volatile long *at, long old, long new, int order, int failed) {\n    \
         return REAL(at, old, new, order == 0 ? 2 : order, failed);\n}",
    ),
];

/// Makes a linker in `dir` that does so.
///
/// # Errors
/// If the library has other functions than those, or something cannot be written or compiled.
pub(super) fn linker(dir: &Path, compiler: &Compiler) -> Result<PathBuf> {
    fs::create_dir_all(dir)?;
    let library = fs::read(compiler.library("std")?)?;
    let (mut source, mut flags) = (HEAD.to_owned(), String::new());
    for (number, (end, wrapper)) in WRAPPED.iter().enumerate() {
        let name = symbol(&library, end).with_context(|| {
            format!("the standard library has no function {end}: see how its locks wait in this version")
        })?;
        source += &wrapped(number, &name, wrapper);
        flags += &format!(" -Wl,--wrap={name}");
    }
    for (number, (name, wrapper)) in ATOMIC.iter().enumerate() {
        source += &wrapped(WRAPPED.len() + number, name, wrapper);
        flags += &format!(" -Wl,--wrap={name}");
    }
    let (text, object, linker) = (dir.join("ordering.c"), dir.join("ordering.o"), dir.join("cc"));
    fs::write(&text, source)?;
    run(Command::new("cc").args(["-O1", "-fPIC", "-fexceptions", "-c", "-o"]).arg(&object).arg(&text))?;
    // Build scripts and macros are linked by it too, and stay plain: they lack the flag that all others have.
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" {} \"*) set -- \"$@\" '{}'{flags};; esac\nexec cc \"$@\"\n",
        super::EXPORTS,
        object.display()
    );
    fs::write(&linker, script)?;
    fs::set_permissions(&linker, Permissions::from_mode(0o755))?;
    Ok(linker)
}

/// A wrapper and the declaration of what it wraps, by the names that the linker gives to both.
fn wrapped(number: usize, name: &str, wrapper: &str) -> String {
    let (real, wrap) = (format!("real_{number}"), format!("wrap_{number}"));
    let definition = wrapper.replace("REAL", &real).replace("WRAP", &wrap);
    let head = definition.split(" {").next().unwrap_or_default().to_owned();
    let declared = |function: &str, prefix: &str| {
        format!("{} __asm__(\"{prefix}{name}\");\n", head.replace(&wrap, function))
    };
    declared(&real, "__real_") + &declared(&wrap, "__wrap_") + &definition + "\n"
}

/// The name in a table of names, each between zeros, that ends so.
fn symbol(table: &[u8], end: &str) -> Option<String> {
    let bytes = [end.as_bytes(), b"\0"].concat();
    let at = table.windows(bytes.len()).position(|window| window == bytes)?;
    let start = table[..at].iter().rposition(|&byte| byte == 0)? + 1;
    String::from_utf8(table[start..at + end.len()].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_end() {
        let table = b"\0_RNv3std4waitX\0_RNv3std4wait\0other";
        assert_eq!(symbol(table, "4wait").as_deref(), Some("_RNv3std4wait"));
        assert_eq!(symbol(table, "5other"), None);
    }

    #[test]
    fn a_wrapper_has_the_names_that_the_linker_gives() {
        assert_eq!(
            wrapped(0, "_R4lock", ACQUIRES),
            "void real_0(void *lock) __asm__(\"__real__R4lock\");\n\
             void wrap_0(void *lock) __asm__(\"__wrap__R4lock\");\n\
             void wrap_0(void *lock) { real_0(lock); __tsan_acquire(lock); }\n"
        );
    }
}
