//! `#[derive(Directives)]`: a module's directive table and the reading of its values, from one struct.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attribute;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct of named fields the directives of a module: one field, one directive.
///
/// ```text
/// #[derive(Directives)]
/// struct Config {
///     /// MaxWalk NUMBER: offers no more than that many endpoints.
///     #[directive(name = "MaxWalk", take1, default = 8)]
///     max_walk: usize,
/// }
/// ```
///
/// The doc comment is what `proxyd -L` prints. `#[directive(…)]` takes:
///
/// * `name = "…"`: as written in the configuration.
/// * How many words follow, and what the field gets:
///
///   | word | field |
///   |---|---|
///   | `take1`, `raw` | anything made from one text: `String`, a number, an enum without data, `Option` of it |
///   | `flag` | `bool`, written On or Off |
///   | `no_args` | `bool`: whether the directive was written |
///   | `take2`, `take3`, `take12`, `take13`, `take23`, `take123` | a tuple, with `Option` for words that may be missing; or a list |
///   | `iterate`, `argv` | a list, to which each line appends (`iterate`) |
///   | `keyed`, `iterate2` | a map from the first word to a list of the others |
///   | `route` | `Routes`: coded as ProxyPass with a cluster's name in place of the URL; the server enters it |
///
/// * `default` or `default = expression`: the value where the directive is not written. Without it, an
///   `Option`, list or map is empty and any other field is required.
/// * `scopes = "server,vhost,location"`, for a `route`, which has these by default. Other directives stand in
///   the main server only.
#[proc_macro_derive(Directives, attributes(directive))]
pub fn directives(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
