//! The conditionals: sections that are gone once they are read.

use std::path::Path;

use crate::reader::Reader;
use crate::stack::{Kind, Opening};

/// What becomes of a section: those that are no conditional stay. Wrong arguments of a conditional are
/// reported, and it counts as one that does not hold, as it does when it is not `sound`.
pub(crate) fn kind(reader: &mut Reader<'_>, opening: &Opening, sound: bool) -> Kind {
    let Some(test) = test(&opening.name.text) else { return Kind::Section };
    let word = match opening.args.as_slice() {
        [word] if sound => &word.text,
        [_, second, ..] if sound => {
            let message = format!("`<{}>` takes one argument", opening.name.text);
            let span = second.span;
            reader.error(span, message);
            return Kind::Skipped;
        }
        _ => return Kind::Skipped,
    };
    let (negated, name) = match word.strip_prefix('!') {
        Some(name) => (true, name),
        None => (false, word.as_str()),
    };
    if test(reader, name) != negated { Kind::Taken } else { Kind::Skipped }
}

type Test = fn(&Reader<'_>, &str) -> bool;

fn test(section: &str) -> Option<Test> {
    let tests: [(&str, Test); 4] = [
        ("IfModule", |reader, name| reader.reading.is_module(name)),
        ("IfDefine", |reader, name| reader.defines.is_defined(name)),
        ("IfDirective", |reader, name| reader.reading.is_directive(name)),
        ("IfFile", |reader, path| reader.loader.exists(&reader.server_root.join(Path::new(path)))),
    ];
    tests.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(section)).map(|(_, test)| test)
}
