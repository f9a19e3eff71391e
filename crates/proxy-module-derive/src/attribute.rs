//! Reads `#[directive(…)]` and the doc comment of one field.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Field, Lit, LitStr, Meta, Result, Token};

/// How many words follow: the attribute's word and the constant of `ArgKind`.
const KINDS: [(&str, &str); 15] = [
    ("no_args", "NO_ARGS"),
    ("take1", "TAKE1"),
    ("take2", "TAKE2"),
    ("take3", "TAKE3"),
    ("take12", "TAKE12"),
    ("take13", "TAKE13"),
    ("take23", "TAKE23"),
    ("take123", "TAKE123"),
    ("iterate", "ITERATE"),
    ("iterate2", "ITERATE2"),
    ("flag", "FLAG"),
    ("raw", "RAW_ARGS"),
    ("argv", "TAKE_ARGV"),
    ("keyed", "KEYED"),
    ("route", "ROUTE"),
];

const SCOPES: [(&str, &str); 3] = [("server", "SERVER"), ("vhost", "VHOST"), ("location", "LOCATION")];

/// What is said about one field.
pub(crate) struct Directive {
    pub(crate) name: LitStr,
    /// A constant of `ArgKind`.
    pub(crate) kind: &'static str,
    /// Constants of `scopes`.
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) default: Default,
    pub(crate) doc: String,
}

/// Where the value comes from if the directive is not written.
pub(crate) enum Default {
    /// From the field's type, if it can be empty.
    No,
    /// From `Default`.
    Yes,
    /// From this expression.
    Is(Box<Expr>),
}

pub(crate) fn read(field: &Field) -> Result<Directive> {
    let mut found = field.attrs.iter().filter(|attribute| attribute.path().is_ident("directive"));
    let attribute = found.next().ok_or_else(|| {
        Error::new(field.span(), "each field is a directive: add #[directive(name = \"...\", take1)]")
    })?;
    if let Some(second) = found.next() {
        return Err(Error::new(
            second.span(),
            "a field is one directive: merge this into the first attribute",
        ));
    }
    let mut parts = Parts::default();
    attribute.parse_nested_meta(|meta| parts.add(&meta))?;
    parts.finish(attribute.span(), doc(field)?)
}

/// Constants of `scopes`, and where they are written.
type Scopes = (Vec<&'static str>, Span);

#[derive(std::default::Default)]
struct Parts {
    name: Option<LitStr>,
    kind: Option<&'static str>,
    scopes: Option<Scopes>,
    default: Option<(Default, Span)>,
}

impl Parts {
    fn add(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.require_ident()?.to_string();
        match key.as_str() {
            "name" => set(&mut self.name, checked_name(meta.value()?.parse()?)?, meta),
            "scopes" => set(&mut self.scopes, scopes(&meta.value()?.parse()?)?, meta),
            "default" if meta.input.peek(Token![=]) => {
                let value = Default::Is(Box::new(meta.value()?.parse()?));
                set(&mut self.default, (value, meta.path.span()), meta)
            }
            "default" => set(&mut self.default, (Default::Yes, meta.path.span()), meta),
            word => match KINDS.iter().find(|(known, _)| *known == word) {
                Some((_, kind)) => set(&mut self.kind, kind, meta),
                None => Err(meta.error(format!(
                    "unknown word: use name = \"...\", default, scopes = \"...\" or one of {}",
                    KINDS.map(|(known, _)| known).join(", ")
                ))),
            },
        }
    }

    fn finish(self, at: Span, doc: String) -> Result<Directive> {
        let name = self.name.ok_or_else(|| Error::new(at, "a directive has a name: add name = \"...\""))?;
        let kind = self.kind.ok_or_else(|| {
            let kinds = KINDS.map(|(known, _)| known).join(", ");
            Error::new(at, format!("say how many words {} takes: one of {kinds}", name.value()))
        })?;
        let (scopes, default) = match kind {
            "ROUTE" => (route_scopes(self.scopes), never(self.default, "a route has no value")?),
            "NO_ARGS" => {
                (server_only(self.scopes)?, never(self.default, "the field says whether it was written")?)
            }
            _ => (server_only(self.scopes)?, self.default.map_or(Default::No, |(default, _)| default)),
        };
        Ok(Directive { name, kind, scopes, default, doc })
    }
}

fn route_scopes(written: Option<Scopes>) -> Vec<&'static str> {
    written.map_or_else(|| SCOPES.map(|(_, scope)| scope).to_vec(), |(scopes, _)| scopes)
}

fn server_only(written: Option<Scopes>) -> Result<Vec<&'static str>> {
    match written {
        Some((scopes, at)) if scopes != ["SERVER"] => {
            Err(Error::new(at, "only a route may stand below the main server: remove scopes"))
        }
        _ => Ok(vec!["SERVER"]),
    }
}

fn never(default: Option<(Default, Span)>, why: &str) -> Result<Default> {
    match default {
        Some((_, at)) => Err(Error::new(at, format!("{why}: remove default"))),
        None => Ok(Default::No),
    }
}

fn set<T>(place: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("said twice")),
    }
}

fn checked_name(name: LitStr) -> Result<LitStr> {
    let text = name.value();
    let fits = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits {
        Ok(name)
    } else {
        Err(Error::new(name.span(), "a directive's name is a letter, then letters and digits"))
    }
}

fn scopes(text: &LitStr) -> Result<Scopes> {
    let known = |word: &str| SCOPES.iter().find(|(known, _)| *known == word).map(|(_, scope)| *scope);
    let value = text.value();
    let scopes = value.split(',').map(|word| known(word.trim())).collect::<Option<_>>();
    let scopes = scopes.ok_or_else(|| {
        Error::new(text.span(), "scopes are server, vhost and location, with commas between")
    })?;
    Ok((scopes, text.span()))
}

/// The first paragraph of the doc comment, on one line.
fn doc(field: &Field) -> Result<String> {
    let lines: Vec<_> = field.attrs.iter().filter_map(doc_line).collect();
    let paragraph = lines.iter().map(|line| line.trim()).skip_while(|line| line.is_empty());
    let text = paragraph.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Err(Error::new(
            field.span(),
            "a directive has a doc comment, which proxyd -L prints: /// Name WORDS: what it does.",
        ));
    }
    Ok(text)
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("doc").then(|| text.value())
}
