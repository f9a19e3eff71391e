//! Directives that act while text is read, and what the command line adds.

use proxy_config::{Input, MemoryLoader, NoModules, read};

use crate::support::{assert_shape, assert_told, files, read_beside, read_files, read_httpd, shape, told};

#[test]
fn define_and_undefine_take_effect_in_order() {
    for (text, shape) in [
        ("Define a\n<IfDefine a>\nX\n</IfDefine>", "X()"),
        ("Define a\nUnDefine a\n<IfDefine a>\nX\n</IfDefine>", ""),
        ("UnDefine never", ""),
        ("<VirtualHost b>\nDefine a 1\n</VirtualHost>\nX ${a}", "VirtualHost(b){} X(1)"),
        ("<IfDefine !q>\nDefine a 1\n</IfDefine>\nX ${a}", "X(1)"),
        ("define A \"x y\"\nX \"${A}\"", "X(x y)"),
    ] {
        assert_shape(&read_httpd(text), text, shape);
    }
}

#[test]
fn misused_directives_are_told() {
    let name = "cannot be the name of a variable: `:`, `}` and `?=` mean something else";
    for (text, expected) in [
        ("Define", "1:1+6 `Define` takes a name, or a name and a value".to_owned()),
        ("Define a b c", "1:12+1 `Define` takes a name, or a name and a value".to_owned()),
        ("Define a:b c", format!("1:8+3 `a:b` {name}")),
        ("Define a} c", format!("1:8+2 `a}}` {name}")),
        ("Define \"\" c", format!("1:8+2 `` {name}")),
        ("UnDefine a b", "1:12+1 `UnDefine` takes one name".to_owned()),
        ("<L a>\nDefine b\n</L>", "2:1+6 `Define` cannot stand inside `<L>`".to_owned()),
        ("<L a>\nUnDefine b\n</L>", "2:1+8 `UnDefine` cannot stand inside `<L>`".to_owned()),
        (
            "<VirtualHost a>\nLoadModule b c\n</VirtualHost>",
            "2:1+10 `LoadModule` cannot stand inside `<VirtualHost>`".to_owned(),
        ),
        (
            "<VirtualHost a>\nServerRoot /srv\n</VirtualHost>",
            "2:1+10 `ServerRoot` cannot stand inside `<VirtualHost>`".to_owned(),
        ),
        ("LoadModule a", "1:1+12 LoadModule takes two arguments".to_owned()),
        ("ServerRoot", "1:1+10 `ServerRoot` takes one directory".to_owned()),
        ("ServerRoot /none", "1:12+5 ServerRoot `/none` is not a directory".to_owned()),
        ("Include", "1:1+7 `Include` takes one path; write one line for each".to_owned()),
        ("Include a b", "1:11+1 `Include` takes one path; write one line for each".to_owned()),
        ("Error \"my own\" message", "1:1+5 my own message".to_owned()),
        ("Warning 'take care'", "1:1+7 warning: take care".to_owned()),
    ] {
        assert_told(&read_httpd(text), text, &[&expected]);
    }
}

#[test]
fn server_root_moves_what_later_paths_are_relative_to() {
    let files = files().with("/opt/p/a.conf", "A").with("/srv/a.conf", "B");
    let read = read_beside(files, "conf", "Include a.conf\nServerRoot /opt/p\nInclude a.conf");
    assert_shape(&read, "", "B() A()");
    assert_eq!(read.server_root.to_str(), Some("/opt/p"));
}

#[test]
fn the_command_line_comes_before_and_after() {
    let files = files().with("/srv/p.conf", "X ${port}\n<IfDefine FAST>\nY\n</IfDefine>");
    let mut input = Input::new("/srv/p.conf", "/srv");
    input.defines = vec![("FAST".into(), String::new())];
    input.before = vec!["Define port 80".into(), "A".into()];
    input.after = vec!["<V b>".into(), "Z".into(), "</V>".into()];
    let read = read_files(&files, &input);
    assert_shape(&read, "", "A() X(80) Y() V(b){Z()}");
    assert_eq!(read.defines, [("FAST".to_owned(), String::new()), ("port".into(), "80".into())]);
}

#[test]
fn a_section_cannot_go_on_from_the_command_line_into_the_file() {
    let files = files().with("/srv/p.conf", "</V>");
    let mut input = Input::new("/srv/p.conf", "/srv");
    input.before = vec!["<V a>".into()];
    assert_eq!(
        told(&read_files(&files, &input)),
        [
            "-C:1:2+1 `<V>` is not closed before the end of the file",
            "/srv/p.conf:1:1+4 `</V>` has no opening tag"
        ]
    );
}

#[test]
fn a_missing_main_file_is_an_error_unless_it_may_be_missing() {
    let mut input = Input::new("/srv/p.conf", "/srv");
    input.after = vec!["A".into()];
    let read = read_files(&MemoryLoader::default(), &input);
    assert_eq!(told(&read), ["could not open configuration file `/srv/p.conf`: entity not found"]);
    assert_eq!(shape(&read), "A()");
    input.main_may_be_missing = true;
    assert_shape(&read_files(&MemoryLoader::default(), &input), "", "A()");
}

#[test]
fn without_modules_load_module_is_only_a_node() {
    let files = MemoryLoader::default().with("/a.conf", "LoadModule x y");
    let read = read(&Input::new("/a.conf", "/"), &files, &mut NoModules);
    assert_shape(&read, "", "LoadModule(x|y)");
}
