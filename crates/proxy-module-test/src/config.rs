//! Configuration lines as the tree of values that the server makes of them.

use proxy_module::abi::{ArgKind, Directive};
use proxy_module::testing::Node;

/// Reads `lines`, all of which are to be directives of the module.
///
/// Of a repeated line the last counts; the words of ITERATE are appended line by line, those of KEYED to the list of
/// their first word.
///
/// # Errors
/// Names the line and what is wrong with it.
pub(crate) fn read(lines: &str, ident: &str, directives: &[Directive]) -> Result<Node, String> {
    let mut tree = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = words(line)?;
        let name = words.remove(0);
        let directive =
            directives.iter().find(|known| known.name.as_slice().eq_ignore_ascii_case(name.as_bytes()));
        let Some(directive) = directive else {
            return Err(format!("Invalid command '{name}': {ident} has no such directive"));
        };
        let name = String::from_utf8_lossy(directive.name.as_slice()).into_owned();
        check_count(&name, directive.args, &words)?;
        let raw = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim());
        add(&mut tree, name, directive.args, words, raw);
    }
    Ok(Node::Map(tree))
}

/// Words are what stands between spaces, or between quotes.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| format!("no closing quote in '{line}'"))?,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

fn check_count(name: &str, args: ArgKind, words: &[String]) -> Result<(), String> {
    let fits = match args {
        ArgKind::NO_ARGS => words.is_empty(),
        ArgKind::TAKE1 => words.len() == 1,
        ArgKind::TAKE2 | ArgKind::ROUTE => words.len() == 2,
        ArgKind::TAKE3 => words.len() == 3,
        ArgKind::TAKE12 => (1..=2).contains(&words.len()),
        ArgKind::TAKE13 => matches!(words.len(), 1 | 3),
        ArgKind::TAKE23 => (2..=3).contains(&words.len()),
        ArgKind::TAKE123 => (1..=3).contains(&words.len()),
        ArgKind::ITERATE => !words.is_empty(),
        ArgKind::ITERATE2 | ArgKind::KEYED => words.len() >= 2,
        ArgKind::FLAG => {
            let flag = |word: &String| word.eq_ignore_ascii_case("on") || word.eq_ignore_ascii_case("off");
            if words.len() != 1 || !flag(&words[0]) {
                return Err(format!("{name} must be On or Off"));
            }
            true
        }
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("{name} does not take {} words", words.len())) }
}

fn add(tree: &mut Vec<(String, Node)>, name: String, args: ArgKind, mut words: Vec<String>, raw: &str) {
    // The server enters routes by itself.
    if args == ArgKind::ROUTE {
        return;
    }
    let slot = slot(tree, name);
    match args {
        ArgKind::NO_ARGS => *slot = Node::Null,
        ArgKind::RAW_ARGS => *slot = Node::Text(raw.to_owned()),
        ArgKind::TAKE1 => *slot = Node::Text(words.swap_remove(0)),
        ArgKind::FLAG => {
            *slot = Node::Text(if words[0].eq_ignore_ascii_case("on") { "On" } else { "Off" }.to_owned());
        }
        ArgKind::ITERATE => append(slot, words),
        ArgKind::KEYED | ArgKind::ITERATE2 => {
            let key = words.remove(0);
            if !matches!(slot, Node::Map(_)) {
                *slot = Node::Map(Vec::new());
            }
            if let Node::Map(entries) = slot {
                append(self::slot(entries, key), words);
            }
        }
        _ => *slot = Node::List(words.into_iter().map(Node::Text).collect()),
    }
}

fn slot(entries: &mut Vec<(String, Node)>, key: String) -> &mut Node {
    let index = entries.iter().position(|(name, _)| *name == key).unwrap_or(entries.len());
    if index == entries.len() {
        entries.push((key, Node::Null));
    }
    &mut entries[index].1
}

fn append(slot: &mut Node, words: Vec<String>) {
    if !matches!(slot, Node::List(_)) {
        *slot = Node::List(Vec::new());
    }
    if let Node::List(values) = slot {
        values.extend(words.into_iter().map(Node::Text));
    }
}
