//! What is said about misuse.

use quote::quote;

use super::*;

fn complaint(input: TokenStream) -> String {
    let input = syn::parse2(input).unwrap();
    let errors = expand(&input).expect_err("is misuse");
    errors.into_iter().map(|error| error.to_string()).collect::<Vec<_>>().join(" | ")
}

#[test]
fn misuse_is_explained() {
    let cases = [
        (
            quote!(
                enum Config {}
            ),
            "directives are a struct with a named field for each",
        ),
        (
            quote!(
                struct Config(u8);
            ),
            "directives are a struct with a named field for each",
        ),
        (
            quote!(
                struct Config<T> {
                    a: T,
                }
            ),
            "directives have no type parameters",
        ),
        (
            quote!(
                struct Config {
                    a: u8,
                }
            ),
            "each field is a directive: add #[directive(name = \"...\", take1)]",
        ),
        (
            quote!(
                struct Config {
                    #[directive(name = "A", take1)]
                    a: u8,
                }
            ),
            "a directive has a doc comment, which proxyd -L prints: /// Name WORDS: what it does.",
        ),
        (
            quote!(
                struct Config {
                    /// A
                    #[directive(take1)]
                    a: u8,
                    /// B
                    #[directive(name = "B", take1, take2)]
                    b: u8,
                }
            ),
            "a directive has a name: add name = \"...\" | said twice",
        ),
        (
            quote!(
                struct Config {
                    /// A
                    #[directive(name = "A b", take1)]
                    a: u8,
                }
            ),
            "a directive's name is a letter, then letters and digits",
        ),
        (
            quote!(
                struct Config {
                    /// A
                    #[directive(name = "A", take1, scopes = "vhost")]
                    a: u8,
                }
            ),
            "only a route may stand below the main server: remove scopes",
        ),
        (
            quote!(
                struct Config {
                    /// A
                    #[directive(name = "A", route, default)]
                    a: Routes,
                }
            ),
            "a route has no value: remove default",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(complaint(input), expected);
    }
    let unknown = quote!(
        struct Config {
            /// A
            #[directive(name = "A", take4)]
            a: u8,
        }
    );
    assert!(complaint(unknown).starts_with("unknown word: use name = "));
}

#[test]
fn arguments_are_named_where_they_are_missing() {
    let input = quote!(
        struct Config {
            /// A
            #[directive(name = "A")]
            a: u8,
        }
    );
    assert!(complaint(input).starts_with("say how many words A takes: one of no_args, take1, "));
}
