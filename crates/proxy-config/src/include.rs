//! `Include`: one file, all files of a directory, or those that match a pattern; never outside of ServerRoot.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::reader::{MAX_DEPTH, Reader};
use crate::tree::Word;

/// How many directories one reading may list: links can make a tree of them endless.
const MAX_DIRECTORIES: usize = 4096;

/// Reads what an `Include` or, if `optional`, an `IncludeOptional` names.
pub(crate) fn include(reader: &mut Reader<'_>, word: &Word, optional: bool) {
    if word.text.trim().is_empty() {
        // Else it would be ServerRoot itself, with all files in it.
        return reader.error(word.span, "the path is empty");
    }
    let root = normalise(&reader.server_root);
    let path = normalise(&root.join(&word.text));
    let below = path.strip_prefix(&root).ok().filter(|below| below.components().all(is_plain));
    let Some(below) = below else {
        let message = format!(
            "`{}` is outside of ServerRoot `{}`: only files below it may be included",
            path.display(),
            root.display()
        );
        return reader.error(word.span, message);
    };
    let mut walk = Walk { reader, word, optional };
    if below.components().any(|part| is_pattern(part.as_os_str())) {
        walk.pattern(&root, below);
    } else {
        walk.path(&path, 0);
    }
}

/// The path without `.` and `..`, by its text alone: what a link means is the loader's affair.
pub(crate) fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match normal.components().next_back() {
                Some(Component::Normal(_)) => {
                    normal.pop();
                }
                Some(Component::RootDir) => {}
                _ => normal.push(part),
            },
            _ => normal.push(part),
        }
    }
    normal
}

fn is_plain(part: Component<'_>) -> bool {
    matches!(part, Component::Normal(_))
}

struct Walk<'w, 'a> {
    reader: &'w mut Reader<'a>,
    word: &'w Word,
    optional: bool,
}

impl Walk<'_, '_> {
    /// Reads a file, or a directory with all that is below it, in the order of names.
    fn path(&mut self, path: &Path, depth: usize) {
        if !self.reader.loader.is_dir(path) {
            return self.reader.file(path, Some(self.word.span), self.optional);
        }
        if depth >= MAX_DEPTH {
            let message = format!("directories are nested deeper than {MAX_DEPTH}: does a link lead back?");
            return self.reader.stop(Some(self.word.span), message);
        }
        for name in self.names(path, |_| true) {
            if !self.reader.goes_on() {
                return;
            }
            self.path(&path.join(name), depth + 1);
        }
    }

    fn pattern(&mut self, root: &Path, below: &Path) {
        let mut found = vec![root.to_owned()];
        let mut parts = below.components().peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            found = self.step(&found, part.as_os_str(), is_last);
        }
        if found.is_empty() && !self.optional && self.reader.goes_on() {
            let message = format!("nothing matches `{}` in `{}`", below.display(), root.display());
            self.reader.error(self.word.span, message);
        }
        for path in found {
            self.path(&path, 0);
        }
    }

    /// What one part of a pattern leads to from each of `dirs`.
    fn step(&mut self, dirs: &[PathBuf], part: &OsStr, is_last: bool) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for dir in dirs {
            if is_pattern(part) {
                let pattern: Vec<char> = part.to_string_lossy().chars().collect();
                let names = self.names(dir, |name| matches(&pattern, name));
                found.extend(names.into_iter().map(|name| dir.join(name)));
            } else {
                found.push(dir.join(part));
            }
        }
        let loader = self.reader.loader;
        found.retain(|path| if is_last { loader.exists(path) } else { loader.is_dir(path) });
        found
    }

    /// The names in a directory that are wanted, sorted.
    fn names(&mut self, dir: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.reader.directories_listed += 1;
        if self.reader.directories_listed > MAX_DIRECTORIES {
            if self.reader.goes_on() {
                let message = format!("more than {MAX_DIRECTORIES} directories are searched");
                self.reader.stop(Some(self.word.span), message);
            }
            return Vec::new();
        }
        let entries = match self.reader.loader.list(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                let message = format!("could not list directory `{}`: {error}", dir.display());
                self.reader.error(self.word.span, message);
                return Vec::new();
            }
        };
        let mut names: Vec<_> =
            entries.into_iter().map(|entry| entry.name).filter(|name| wanted(name)).collect();
        names.sort();
        names
    }
}

fn is_pattern(part: &OsStr) -> bool {
    part.to_string_lossy().contains(['*', '?', '['])
}

/// Whether a name matches a pattern of `*`, `?` and `[a-z]` or `[!a-z]`. A leading dot is matched by a dot
/// only.
fn matches(pattern: &[char], name: &str) -> bool {
    if name.starts_with('.') && pattern.first() != Some(&'.') {
        return false;
    }
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on if the present attempt fails: after the last `*`, with that `*` taking one more.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            p += 1;
            retry = Some((p, n));
        } else if let Some(len) = matches_one(&pattern[p..], name[n]) {
            p += len;
            n += 1;
        } else if let Some((after, taken)) = retry {
            p = after;
            n = taken + 1;
            retry = Some((p, n));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// How many characters of the pattern match `c`, if they do. A bracket that nothing closes is itself.
fn matches_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => match pattern.iter().skip(2).position(|&end| end == ']') {
            Some(end) => set_holds(&pattern[1..end + 2], c).then_some(end + 3),
            None => (c == '[').then_some(1),
        },
        &own => (own == c).then_some(1),
    }
}

/// Whether what stands between the brackets of a pattern names `c`.
fn set_holds(set: &[char], c: char) -> bool {
    let (negated, mut set) = match set {
        ['!' | '^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut holds = false;
    while let Some(&first) = set.first() {
        let (last, len) = match set {
            [_, '-', last, ..] => (*last, 3),
            _ => (first, 1),
        };
        holds |= (first..=last).contains(&c);
        set = &set[len..];
    }
    holds != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("?.conf", "a.conf", true),
            ("?.conf", "ab.conf", false),
            ("[a-c]*", "beta", true),
            ("[a-c]*", "delta", false),
            ("[!a-c]*", "delta", true),
            ("[]]", "]", true),
            ("[x", "[x", true),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
            ("a**", "a", true),
            ("", "", true),
            ("[z-a]", "m", false),
        ] {
            let chars: Vec<char> = pattern.chars().collect();
            assert_eq!(matches(&chars, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn dots_are_resolved_by_text_alone() {
        for (path, normal) in
            [("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("../a/..", ".."), ("a/../..", ".."), (".", "")]
        {
            assert_eq!(normalise(Path::new(path)), Path::new(normal), "{path}");
        }
    }
}
