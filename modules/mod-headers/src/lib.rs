//! Fields of requests and responses, as httpd's mod_headers. LoadModule headers_module modules/mod_headers.so
#![forbid(unsafe_code)]

use proxy_module::abi::{self, RequestIn, ResponseIn, Unit};
use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// RequestHeader set|add NAME VALUE, unset NAME: changes a field of requests on their way to an endpoint.
    #[directive(name = "RequestHeader", iterate)]
    request: Vec<String>,
    /// Header set|add NAME VALUE, unset NAME: changes a field of endpoints' responses on their way to the client.
    #[directive(name = "Header", iterate)]
    response: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Change {
    Set(String, String),
    Add(String, String),
    Unset(String),
}

struct Headers {
    request: Vec<Change>,
    response: Vec<Change>,
}

/// The words of all lines of a directive one after the other; where a line ends follows from its first word.
fn changes(directive: &str, words: Vec<String>) -> Result<Vec<Change>> {
    let mut words = words.into_iter();
    let mut changes = Vec::new();
    while let Some(verb) = words.next() {
        let mut next = |what| {
            let missing = || Error::msg(format!("{directive} {verb}: the {what} of the field is missing"));
            words.next().ok_or_else(missing)
        };
        let change = match &*verb {
            "set" => Change::Set(next("name")?, next("value")?),
            "add" => Change::Add(next("name")?, next("value")?),
            "unset" => Change::Unset(next("name")?),
            _ => {
                let text =
                    format!("{directive}: '{verb}' is none of set NAME VALUE, add NAME VALUE, unset NAME");
                return Err(Error::msg(text));
            }
        };
        change.check()?;
        changes.push(change);
    }
    Ok(changes)
}

impl Change {
    fn check(&self) -> Result<()> {
        match self {
            Self::Set(name, value) | Self::Add(name, value) => Edits::check(name, value),
            Self::Unset(name) => Edits::check(name, ""),
        }
    }

    fn apply(&self, edits: Edits<'_>) -> Result<()> {
        match self {
            Self::Set(name, value) => edits.set(name, value),
            Self::Add(name, value) => edits.add(name, value),
            Self::Unset(name) => edits.unset(name),
        }
    }
}

impl Module for Headers {
    type Config = Config;

    fn new(config: Config, _init: &mut Init<'_>) -> Result<Self> {
        let request = changes("RequestHeader", config.request)?;
        Ok(Self { request, response: changes("Header", config.response)? })
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<Fixups>()?;
        hooks.implement::<abi::ResponseHead>()
    }
}

impl Implements<Fixups> for Headers {
    fn call(&self, _cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        let edits = Edits::of(input.edits)?;
        self.request.iter().try_for_each(|change| change.apply(edits))?;
        Ok(Answer::Ok)
    }
}

impl Implements<abi::ResponseHead> for Headers {
    fn call(&self, _cx: &Cx<'_>, input: &ResponseIn<'_>, _out: &mut Unit) -> Result<Answer> {
        let edits = Edits::of(input.edits)?;
        self.response.iter().try_for_each(|change| change.apply(edits))?;
        Ok(Answer::Ok)
    }
}

proxy_module::module!(headers_module: init Headers);

#[cfg(test)]
#[test]
fn lines_are_told_apart_by_their_first_words() {
    let read = |line: &str| changes("Header", line.split(' ').map(str::to_owned).collect());
    let unset = Change::Unset("A".to_owned());
    assert_eq!(read("unset A set B c").unwrap(), [unset, Change::Set("B".to_owned(), "c".to_owned())]);
    for (line, why) in
        [("set A", "value of the field is missing"), ("unset A b", "none of"), ("set Host a", "Host")]
    {
        assert!(read(line).unwrap_err().message().contains(why), "{line}");
    }
}
