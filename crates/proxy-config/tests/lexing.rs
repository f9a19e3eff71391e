//! Lines, words and variables of the httpd syntax.

use crate::support::{assert_shape, assert_told, read_httpd};

#[test]
fn lines_become_directives() {
    for (text, shape) in [
        ("", ""),
        ("\n  \n# Listen 80\n\t# x\n", ""),
        ("Listen 80", "Listen(80)"),
        ("  Listen\t80  \r\nServerName a\r\n", "Listen(80) ServerName(a)"),
        ("\u{feff}Listen 80", "Listen(80)"),
        ("Listen 80 # x", "Listen(80|#|x)"),
        ("Listen \\\n  80", "Listen(80)"),
        ("Lis\\\r\nten 80", "Listen(80)"),
        ("# a comment \\\nListen 80\nListen 81", "Listen(81)"),
        ("Listen 80 \\ \nListen 81", "Listen(80|\\) Listen(81)"),
        ("Listen 80\\", "Listen(80\\)"),
        ("\"Listen\" '80'", "Listen(80)"),
        ("A \"b \\\" c\" 'd \\' e' \"f \\\\ g\"", "A(b \" c|d ' e|f \\ g)"),
        ("A b\\\\c d\\e", "A(b\\c|d\\e)"),
        ("A \"\" ''", "A(|)"),
        ("A it's b\"c", "A(it's|b\"c)"),
    ] {
        assert_shape(&read_httpd(text), text, shape);
    }
}

#[test]
fn variables_are_replaced_before_words_are_split() {
    for (text, shape) in [
        ("Define p 80\nListen ${p}${p}", "Listen(8080)"),
        ("Define HOME /x\nA ${HOME}", "A(/x)"),
        ("A ${HOME}", "A(/home/op)"),
        ("A ${TWO} \"${TWO}\"", "A(one|two|one two)"),
        ("A ${NONE?=a b} ${HOME?=c}", "A(a|b|/home/op)"),
        ("A ${NONE?=}x", "A(x)"),
        ("Define d Listen\n${d} 80", "Listen(80)"),
        ("Define s <V\n${s} a>\n</V>", "V(a){}"),
        ("# ${NONE}", ""),
        ("A $x $ {x} $", "A($x|$|{x}|$)"),
        ("A ${?=$}{x}", "A(${x})"),
        ("Define d $\nA ${d}{HOME}", "A(${HOME})"),
        ("Define a 1\nDefine a 2\nA ${a}", "A(2)"),
        ("Define a\nA ${a?=b}", "A(b)"),
    ] {
        assert_shape(&read_httpd(text), text, shape);
    }
}

#[test]
fn faults_of_a_line_are_told_where_they_are() {
    for (text, expected) in [
        ("A \"b c", &["1:3+1 the quote `\"` is not closed on this line"][..]),
        ("A b 'c\\'", &["1:5+1 the quote `'` is not closed on this line"]),
        ("'A b", &["1:1+1 the quote `'` is not closed on this line"]),
        ("A \\\n\\\n 'x", &["3:2+1 the quote `'` is not closed on this line"]),
        ("A b\0c", &["1:4+1 a line cannot hold a NUL character"]),
        ("A ${X}", &["1:3+4 `X` is not defined"]),
        ("A ${X} b${Y}", &["1:3+4 `X` is not defined", "1:9+4 `Y` is not defined"]),
        ("Define X\nA ${X}", &["2:3+4 `X` is defined without a value"]),
        ("A ${}", &["1:3+3 `` is not defined"]),
        ("A ${X b", &["1:3+5 `${` has no closing `}`"]),
        ("ä ö ${X}", &["1:5+4 `X` is not defined"]),
        ("A ${\\\nX}", &["1:3+6 `X` is not defined"]),
    ] {
        assert_told(&read_httpd(text), text, expected);
    }
}

#[test]
fn an_unknown_variable_suggests_a_near_one() {
    let read = read_httpd("Define BACKEND a\nA ${BACKND}\nB ${QUITE_OTHER}");
    let help: Vec<_> = read.diagnostics.iter().filter_map(|d| d.help.clone()).collect();
    assert_eq!(
        help,
        [
            "did you mean `${BACKEND}`?",
            "`Define QUITE_OTHER …`, set it in the environment, or write `${QUITE_OTHER?=default}`"
        ]
    );
}

#[test]
fn a_variable_of_the_environment_cannot_smuggle_in_a_line() {
    let files = crate::support::files().with_variable("EVIL", "a\nListen 80");
    let read = crate::support::read_beside(files, "conf", "A ${EVIL}");
    assert_told(&read, "", &["1:3+7 the value of the environment variable `EVIL` holds a line break or NUL"]);
}

#[test]
fn a_line_with_a_fault_does_not_hide_the_next() {
    let text = "A ${X}\nB 'x\nC ok\n</D>\nE ok";
    let read = read_httpd(text);
    assert_eq!(read.diagnostics.errors().count(), 3);
    assert_eq!(crate::support::shape(&read), "C(ok) E(ok)");
}

#[test]
fn text_that_is_not_utf8_is_told_with_its_line() {
    let read = read_httpd(&b"Listen 80\nA \xc3\xa4b\xff c\n"[..]);
    assert_told(&read, "", &["2:5+1 the file is not UTF-8 from here on"]);
}

#[test]
fn spans_show_what_was_written() {
    let text = "  Listen \"a b\" 'c'\nA ${HOME}/x b\\\nc\n<Vhost  ä:1 >\n</Vhost>";
    let read = read_httpd(text);
    let mut words = Vec::new();
    for node in &read.tree.nodes {
        for word in std::iter::once(&node.name).chain(&node.args) {
            words.push((read.sources.excerpt(word.span).unwrap(), word.span.line, word.span.end_line));
        }
    }
    assert_eq!(
        words,
        [
            ("Listen", 1, 1),
            ("\"a b\"", 1, 1),
            ("'c'", 1, 1),
            ("A", 2, 2),
            ("${HOME}/x", 2, 2),
            ("b\\\nc", 2, 3),
            ("Vhost", 4, 4),
            ("ä:1", 4, 4),
        ]
    );
    let whole: Vec<_> = read.tree.nodes.iter().map(|n| read.sources.excerpt(n.span()).unwrap()).collect();
    assert_eq!(whole[0], "Listen \"a b\" 'c'");
    assert_eq!(read.tree.nodes[1].span().end_line, 3);
}

#[test]
fn raw_is_the_text_after_the_name() {
    let read = read_httpd("A  \"b c\"  ${HOME} \n<V  'x' y >\n</V>");
    let raw: Vec<_> = read.tree.nodes.iter().map(|node| node.raw.as_str()).collect();
    assert_eq!(raw, ["\"b c\"  /home/op", "'x' y"]);
}
