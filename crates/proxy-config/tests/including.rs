//! Include: files, directories, patterns, and the fence around them.

use proxy_config::MemoryLoader;

use crate::support::{assert_shape, assert_told, files, read_beside, told};

fn tree() -> MemoryLoader {
    files()
        .with("/srv/conf/extra/b.conf", "B")
        .with("/srv/conf/extra/a.conf", "A")
        .with("/srv/conf/extra/.hidden.conf", "H")
        .with("/srv/conf/extra/sub/c.conf", "C")
        .with("/srv/conf/other/a.conf", "O")
        .with("/srv/conf/other/x.txt", "T")
        .with("/srv/conf/other/t.toml", "T = 'oml'")
        .with("/etc/secret.conf", "S")
}

#[test]
fn files_directories_and_patterns() {
    for (path, shape) in [
        ("conf/extra/a.conf", "A()"),
        ("/srv/conf/extra/a.conf", "A()"),
        ("conf/./extra/../extra/a.conf", "A()"),
        ("conf/other/t.toml", "T(oml)"),
        ("conf/extra", "H() A() B() C()"),
        ("conf/extra/*.conf", "A() B()"),
        ("conf/extra/.*.conf", "H()"),
        ("conf/*/a.conf", "A() O()"),
        ("conf/*/[!b].conf", "A() O()"),
        ("conf/extra/*", "A() B() C()"),
        ("conf/extra/?.conf", "A() B()"),
        ("conf/e*/s*/*.conf", "C()"),
    ] {
        let read = read_beside(tree(), "conf", format!("Include {path}"));
        assert_shape(&read, path, shape);
        let read = read_beside(tree(), "toml", format!("IncludeOptional = '{path}'"));
        assert_shape(&read, path, shape);
    }
}

#[test]
fn what_is_missing_or_outside_is_told() {
    for (path, expected) in [
        ("\"\"", "1:9+2 the path is empty"),
        ("\"  \"", "1:9+4 the path is empty"),
        ("none.conf", "1:9+9 could not open configuration file `/srv/none.conf`: entity not found"),
        ("conf/extra/*.cnf", "1:9+16 nothing matches `conf/extra/*.cnf` in `/srv`"),
        ("conf/none/*.conf", "1:9+16 nothing matches `conf/none/*.conf` in `/srv`"),
        (
            "/etc/secret.conf",
            "1:9+16 `/etc/secret.conf` is outside of ServerRoot `/srv`: only files below it may be included",
        ),
        (
            "../etc/*.conf",
            "1:9+13 `/etc/*.conf` is outside of ServerRoot `/srv`: only files below it may be included",
        ),
        (
            "/srvother/x",
            "1:9+11 `/srvother/x` is outside of ServerRoot `/srv`: only files below it may be included",
        ),
    ] {
        let text = format!("Include {path}");
        assert_told(&read_beside(tree(), "conf", text.as_str()), &text, &[expected]);
    }
}

#[test]
fn what_is_optional_may_be_missing_but_not_outside() {
    for path in ["none.conf", "conf/extra/*.cnf", "none/*.conf", "none/dir/"] {
        assert_shape(&read_beside(tree(), "conf", format!("IncludeOptional {path}")), path, "");
    }
    let read = read_beside(tree(), "conf", "IncludeOptional /etc/*.conf");
    assert_eq!(read.diagnostics.errors().count(), 1);
}

#[test]
fn a_file_may_stand_inside_a_section_but_not_leave_one_open() {
    let text = "<V a>\nInclude part\n</V>";
    let good = files().with("/srv/part", "X\n<L b>\n</L>");
    assert_shape(&read_beside(good, "conf", text), text, "V(a){X() L(b){}}");
    let open = files().with("/srv/part", "<L b>");
    let told_of = ["/srv/part:1:2+1 `<L>` is not closed before the end of the file"];
    assert_told(&read_beside(open, "conf", text), text, &told_of);
    let closing = files().with("/srv/part", "</V>");
    assert_told(&read_beside(closing, "conf", text), text, &["/srv/part:1:1+4 `</V>` has no opening tag"]);
}

#[test]
fn errors_of_all_files_are_collected() {
    let files = files().with("/srv/a", "</A>").with("/srv/b", "</B>");
    let read = read_beside(files, "conf", "Include a\n</M>\nInclude b");
    assert_eq!(
        told(&read),
        [
            "/srv/a:1:1+4 `</A>` has no opening tag",
            "2:1+4 `</M>` has no opening tag",
            "/srv/b:1:1+4 `</B>` has no opening tag"
        ]
    );
}

#[test]
fn what_included_what_is_known() {
    let files = files().with("/srv/a", "\nInclude b").with("/srv/b", "B");
    let read = read_beside(files, "conf", "Include a");
    let rows: Vec<_> = read
        .sources
        .includes()
        .map(|row| (read.sources.name(row.file), row.at.map(|at| (read.sources.name(at.file), at.line))))
        .collect();
    assert_eq!(
        rows,
        [
            ("/srv/conf/proxyd.conf", None),
            ("/srv/a", Some(("/srv/conf/proxyd.conf", 1))),
            ("/srv/b", Some(("/srv/a", 2)))
        ]
    );
}
