//! Sections: nesting, every way to get a tag wrong, conditionals.

use crate::support::{assert_shape, assert_told, read_httpd, shape};

#[test]
fn sections_nest() {
    for (text, shape) in [
        ("<V a>\n</V>", "V(a){}"),
        ("<V a>\nX 1\n<L \"/b c\">\nY\n</L>\n</V>\nZ", "V(a){X(1) L(/b c){Y()}} Z()"),
        ("<V a>\n</v >", "V(a){}"),
        ("<V a>b>\n</V>", "V(a>b){}"),
        ("<V a >\n</V>", "V(a){}"),
        ("<V \\\n a>\n</V>", "V(a){}"),
    ] {
        assert_shape(&read_httpd(text), text, shape);
    }
}

#[test]
fn every_wrong_tag_is_told() {
    for (text, expected) in [
        ("</V>", &["1:1+4 `</V>` has no opening tag"][..]),
        ("<V a>\n</Location>\n</V>", &["2:1+11 `</Location>` does not match `<V>`"]),
        ("<Location a>\n</Locaton>", &["2:1+10 `</Locaton>` does not match `<Location>`"]),
        ("<V a>\n<L b>\n</V>", &["3:1+4 `</V>` does not match `<L>`"]),
        ("<V a>", &["1:2+1 `<V>` is not closed before the end of the file"]),
        (
            "<V a>\n<L b>",
            &[
                "1:2+1 `<V>` is not closed before the end of the file",
                "2:2+1 `<L>` is not closed before the end of the file",
            ],
        ),
        ("<V a\n</V>", &["1:1+4 the section is missing its `>`"]),
        ("<V a>\n</V", &["2:1+3 the section is missing its `>`"]),
        ("<V\n</V>", &["1:1+2 the section is missing its `>`"]),
        ("<V a> # x\n</V>", &["1:7+3 nothing may follow the `>` of a section"]),
        ("<V>\n</V>", &["1:2+1 `<V>` takes an argument"]),
        ("<IfModule>\n</IfModule>", &["1:2+8 `<IfModule>` takes an argument"]),
        ("<IfDefine a b>\n</IfDefine>", &["1:13+1 `<IfDefine>` takes one argument"]),
        ("<>", &["1:1+2 a section needs a name directly after `<`"]),
        ("< V a>", &["1:1+6 a section needs a name directly after `<`"]),
        ("<V \"a>\n</V>", &["1:4+1 the quote `\"` is not closed on this line"]),
        ("<V ${X}>\n</V>", &["1:4+4 `X` is not defined"]),
        ("<V a>\n</>\n</V>", &["2:1+3 `</>` does not match `<V>`"]),
    ] {
        assert_told(&read_httpd(text), text, expected);
    }
}

#[test]
fn a_tag_that_does_not_match_points_at_the_opening_ones() {
    let read = read_httpd("<V a>\n<L b>\n<M c>\n</V>\nX");
    let error = read.diagnostics.errors().next().unwrap();
    let notes: Vec<_> = error.notes.iter().map(|(span, text)| (span.line, text.as_str())).collect();
    assert_eq!(notes, [(3, "`<M>` is opened here"), (2, "`<L>` is opened here")]);
    assert_eq!(error.help.as_deref(), Some("close it with `</M>` first"));
    assert_eq!(shape(&read), "V(a){L(b){M(c){}}} X()");
}

#[test]
fn conditionals_leave_their_bodies_or_nothing() {
    let load = "LoadModule x_module x.so\n";
    for (condition, holds) in [
        ("IfModule mod_x.c", true),
        ("IfModule mod_x", true),
        ("IfModule x_module", true),
        ("ifmodule x_module", true),
        ("IfModule !x_module", false),
        ("IfModule X_module", false),
        ("IfModule mod_y.c", false),
        ("IfModule !mod_y.c", true),
        ("IfDefine D", true),
        ("IfDefine !D", false),
        ("IfDefine d", false),
        ("IfDirective Listen", true),
        ("IfDirective !Listen", false),
        ("IfFile conf/proxyd.conf", true),
        ("IfFile /srv/conf/proxyd.conf", true),
        ("IfFile conf/other.conf", false),
        ("IfFile \"!conf/other.conf\"", true),
    ] {
        let name = condition.split(' ').next().unwrap();
        let text = format!("{load}Define D\n<{condition}>\nA\n</{name}>\nB");
        let body = if holds { " A()" } else { "" };
        assert_shape(&read_httpd(text.as_str()), &text, &format!("LoadModule(x_module|x.so){body} B()"));
    }
}

#[test]
fn only_what_stands_above_counts() {
    let text =
        "<IfModule x_module>\nA\n</IfModule>\nLoadModule x_module x.so\n<IfModule x_module>\nB\n</IfModule>";
    assert_shape(&read_httpd(text), text, "LoadModule(x_module|x.so) B()");
}

#[test]
fn in_a_body_that_is_not_taken_only_nesting_counts() {
    let text = "<IfDefine NO>\nA ${X} 'y\n<V ${X} \"z\n<IfModule z>\n</IfModule>\n</V>\nDefine E\nError no\n</IfDefine>\n<IfDefine E>\nB\n</IfDefine>";
    assert_shape(&read_httpd(text), text, "");
    let text = "<IfDefine NO>\n<V a>\n</L>\n</V>\n</IfDefine>";
    assert_told(&read_httpd(text), text, &["3:1+4 `</L>` does not match `<V>`"]);
    let text = "<IfDefine NO>\n<V a>\n";
    let expected = [
        "1:2+8 `<IfDefine>` is not closed before the end of the file",
        "2:2+1 `<V>` is not closed before the end of the file",
    ];
    assert_told(&read_httpd(text), text, &expected);
}

#[test]
fn conditionals_nest_with_sections() {
    let text =
        "Define D\n<V a>\n<IfDefine D>\n<L b>\nX\n</L>\n<IfDefine !D>\nY\n</IfDefine>\nZ\n</IfDefine>\n</V>";
    assert_shape(&read_httpd(text), text, "V(a){L(b){X()} Z()}");
}
