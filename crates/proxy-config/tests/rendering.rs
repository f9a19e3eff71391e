//! What an operator sees, to the character.

use proxy_config::{Diagnostic, Input};

use crate::support::{files, read_beside, read_files, read_httpd, read_toml};

/// All diagnostics of a reading as they are printed.
fn printed(read: &proxy_config::Read) -> String {
    let each: Vec<_> = read.diagnostics.iter().map(|diagnostic| read.sources.render(diagnostic)).collect();
    each.join("\n\n")
}

#[test]
fn an_error_has_httpds_head_line_and_shows_its_place() {
    let read = read_httpd("Listen 80\n  ServerName ${HOST}\n");
    assert_eq!(
        printed(&read),
        "\
proxyd: Syntax error on line 2 of /srv/conf/proxyd.conf: `HOST` is not defined
 --> /srv/conf/proxyd.conf:2:14
  |
2 |   ServerName ${HOST}
  |              ^^^^^^^
  |
  = help: `Define HOST …`, set it in the environment, or write `${HOST?=default}`"
    );
}

#[test]
fn a_tag_that_does_not_match_shows_both() {
    let read = read_httpd("<VirtualHost *:80>\n<Location /a>\n</VirtualHost>\n");
    assert_eq!(
        printed(&read),
        "\
proxyd: Syntax error on line 3 of /srv/conf/proxyd.conf: `</VirtualHost>` does not match `<Location>`
 --> /srv/conf/proxyd.conf:3:1
  |
3 | </VirtualHost>
  | ^^^^^^^^^^^^^^
  |
  = note: `<Location>` is opened here
  |
 ::: /srv/conf/proxyd.conf:2:2
  |
2 | <Location /a>
  |  ^^^^^^^^
  |
  = help: close it with `</Location>` first"
    );
}

#[test]
fn an_error_of_an_included_file_says_who_included_it() {
    let files = files().with("/srv/extra/a.toml", "Listen = '80");
    assert_eq!(
        printed(&read_beside(files, "conf", "\nInclude extra/*.toml")),
        "\
proxyd: Syntax error on line 1 of /srv/extra/a.toml: invalid literal string, expected `'`
 --> /srv/extra/a.toml:1:13
  |
1 | Listen = '80
  |             ^
  |
  = note: included from /srv/conf/proxyd.conf:2"
    );
}

#[test]
fn warnings_the_command_line_and_what_has_no_place() {
    let files = files().with("/srv/p.conf", "Warning \"old hat\"");
    let mut input = Input::new("/srv/p.conf", "/srv");
    input.after = vec!["</V>".into()];
    let mut read = read_files(&files, &input);
    read.diagnostics.push(Diagnostic::error(None, "no address to listen on").with_help("add `Listen 80`"));
    read.diagnostics.push(Diagnostic::warning(None, "nothing to do"));
    assert_eq!(
        printed(&read),
        "\
proxyd: Warning on line 1 of /srv/p.conf: old hat
 --> /srv/p.conf:1:1
  |
1 | Warning \"old hat\"
  | ^^^^^^^

proxyd: Syntax error in -C/-c directive: `</V>` has no opening tag
 --> -c:1:1
  |
1 | </V>
  | ^^^^

proxyd: no address to listen on
 |
 = help: add `Listen 80`

proxyd: Warning: nothing to do"
    );
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        printed(&read_toml("A = 'äöü ${X}'")).lines().take(5).collect::<Vec<_>>(),
        [
            "proxyd: Syntax error on line 1 of /srv/conf/proxyd.toml: `X` is not defined",
            " --> /srv/conf/proxyd.toml:1:10",
            "  |",
            "1 | A = 'äöü ${X}'",
            "  |          ^^^^",
        ]
    );
}

#[test]
fn a_line_too_long_to_show_is_named() {
    let read = read_httpd(format!("A {} 'x", "b".repeat(5000)));
    assert_eq!(
        printed(&read),
        "\
proxyd: Syntax error on line 1 of /srv/conf/proxyd.conf: the quote `'` is not closed on this line
--> /srv/conf/proxyd.conf:1:5004"
    );
}
