//! TOML as the other spelling.

use crate::support::{assert_shape, assert_told, read_httpd, read_toml};

#[test]
fn values_become_lines() {
    for (text, shape) in [
        ("Listen = 8080", "Listen(8080)"),
        ("Listen = '80 81'", "Listen(80|81)"),
        ("Listen = ['80 81', 82]", "Listen(80 81|82)"),
        ("P = [['/a', 'b'], ['/c d', 1.5]]", "P(/a|b) P(/c d|1.5)"),
        ("K = true\nL = false", "K(On) L(Off)"),
        ("A = []", "A()"),
        ("A = ''", "A()"),
        ("A = '\"b c\" d'", "A(b c|d)"),
        ("A = \"b \\\"c d\\\"\"", "A(b|c d)"),
        ("A = '${TWO}'\nB = ['${TWO}']", "A(one|two) B(one two)"),
        ("A = 0x1F\nB = 1_000\nC = 1979-05-27", "A(0x1F) B(1000) C(1979-05-27)"),
        ("A = \"\"\"b \\\n   c\"\"\"", "A(b|c)"),
        ("\"Listen\" = 80", "Listen(80)"),
        ("", ""),
        ("\u{feff}A = 1\r\n", "A(1)"),
    ] {
        assert_shape(&read_toml(text), text, shape);
    }
}

#[test]
fn tables_become_sections_in_the_order_of_the_file() {
    for (text, shape) in [
        ("[V.'*:80']\nA = 1", "V(*:80){A(1)}"),
        ("[V.'a b']", "V(a|b){}"),
        ("[V.b]\n[W.x]\n[V.a]", "V(b){} W(x){} V(a){}"),
        ("[V.a]\nX = 1\n[V.a.L.'/p']\nY = 2\n[V.b]", "V(a){X(1) L(/p){Y(2)}} V(b){}"),
        ("[V.a.L.p]\nY = 1", "V(a){L(p){Y(1)}}"),
        ("[[V.a]]\nX = 1\n[[W.b]]\n[[V.a]]\nX = 2", "V(a){X(1)} W(b){} V(a){X(2)}"),
        ("Z = 1\nA = 2\nM = 3", "Z(1) A(2) M(3)"),
        ("V = { a = { X = 1 }, b = {} }\nY = 1", "V(a){X(1)} V(b){} Y(1)"),
        ("V.a.X = 1\nB = 2", "V(a){X(1)} B(2)"),
        ("[[Lines]]\nA = 1\n[V.a]\n[[Lines]]\nA = 2\n[Lines.W.x]\nB = 1", "A(1) V(a){} A(2) W(x){B(1)}"),
        ("[[V.a.Lines]]\nX = 1\n[[V.a.Lines]]\nX = 2", "V(a){X(1) X(2)}"),
        ("Define = 'D b'\n[IfDefine.D]\nA = '${D}'\n[IfDefine.'!D']\nB = 1", "A(b)"),
        ("LoadModule = 'x_module x.so'\n[[IfModule.'mod_x.c']]\nA = 1", "LoadModule(x_module|x.so) A(1)"),
        (
            "[[IfModule.x_module]]\nA = 1\n[[Lines]]\nLoadModule = 'x_module x.so'\n[[IfModule.x_module]]\nB = 1",
            "LoadModule(x_module|x.so) B(1)",
        ),
        ("[IfDefine.NO]\nA = '${X}'\n[IfDefine.NO.V.b]", ""),
    ] {
        assert_shape(&read_toml(text), text, shape);
    }
}

#[test]
fn faults_are_told_where_they_are() {
    for (text, expected) in [
        ("A = ", &["1:5+0 string values must be quoted, expected literal string"][..]),
        ("A = 1\nB = 2\nA = 3", &["3:1+1 duplicate key"]),
        ("A = 'b\nC = 1", &["1:7+0 invalid literal string, expected `'`"]),
        ("[V]\nA = 1", &["2:1+1 `V` is a section and takes an argument"]),
        ("[V]", &["1:2+1 `V` is a section and takes an argument"]),
        ("[[V]]", &["1:3+1 `V` is a section and takes an argument"]),
        ("A = ['b', ['c']]", &["1:6+3 in an array of arrays each element is one line's array of words"]),
        ("A = [['b', ['c']]]", &["1:12+5 a word is a string, a number or a boolean"]),
        ("A = [1, {b = 1}]", &["1:9+7 a word is a string, a number or a boolean"]),
        ("A = 'b \"c'", &["1:8+1 the quote `\"` is not closed in this string"]),
        ("A = ['b \"c']", &[]),
        ("A = 'x ${X}'", &["1:8+4 `X` is not defined"]),
        ("A = ['x', '${X}']", &["1:12+4 `X` is not defined"]),
        ("A = \"\\u0078 ${X}\"", &["1:5+13 `X` is not defined"]),
        ("A = \"b\\nc\"", &["1:5+6 a line cannot hold a line break or a NUL character"]),
        ("\"A\\nB\" = 1", &["1:1+6 a line cannot hold a line break or a NUL character"]),
        ("['a b'.c]", &["1:2+5 `a b` cannot be the name of a section"]),
        ("[V.'']", &["1:2+1 `<V>` takes an argument"]),
        ("[V.\"${X}\"]", &["1:5+4 `X` is not defined"]),
        ("A = 1\n[IfModule.'a b']", &["2:14+1 `<IfModule>` takes one argument"]),
        ("A = '\u{1}'", &["1:6+0 invalid literal string, expected non-single-quote visible characters"]),
    ] {
        assert_told(&read_toml(text), text, expected);
    }
}

#[test]
fn a_repeated_key_names_the_ways_out() {
    let read = read_toml("A = 1\nA = 2");
    let help = read.diagnostics.iter().next().and_then(|error| error.help.as_deref());
    assert_eq!(
        help,
        Some("one key stands for all its lines: write an array of arrays, or put lines into `[[Lines]]`")
    );
}

#[test]
fn two_spellings_of_one_configuration_are_one_tree() {
    let httpd = read_httpd(include_str!("data/seed.conf"));
    let toml = read_toml(include_str!("data/seed.toml"));
    assert!(!httpd.diagnostics.has_errors() && !toml.diagnostics.has_errors());
    assert_eq!(httpd.tree.to_httpd(), toml.tree.to_httpd());
    assert!(httpd.tree.same_as(&toml.tree));
    let other = read_toml(include_str!("data/seed.toml").replace("8081", "9081"));
    assert!(!httpd.tree.same_as(&other.tree));
}
