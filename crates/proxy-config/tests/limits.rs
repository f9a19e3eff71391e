//! Everything that has no end of its own comes to one.

use std::io;
use std::path::Path;

use proxy_config::{DirEntry, Input, Loader, NoModules, read};

use crate::support::{assert_told, files, read_beside, read_httpd, read_toml, told};

#[test]
fn a_file_that_includes_itself_is_told_once() {
    let read = read_beside(files(), "conf", "Include conf/proxyd.conf\nInclude conf/proxyd.conf");
    let message = "1:9+16 files are included deeper than 128: does one include itself?";
    assert_told(&read, "", &[message]);
}

#[test]
fn sections_nest_so_deep_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "<V a>\n".repeat(depth), "</V>\n".repeat(depth));
    assert_told(&read_httpd(nested(64)), "", &[]);
    assert_told(&read_httpd(nested(66)), "", &["65:2+1 sections are nested deeper than 64"]);
    let read = read_httpd("<V a>\n".repeat(100_000));
    let message = "more than 4096 sections are open: reading ends here";
    assert!(told(&read).iter().any(|told| told == message));
    assert!(read.diagnostics.len() < 100);
}

#[test]
fn toml_nests_no_deeper_either() {
    let header = format!("[{}.x]\nA = 1", vec!["V.a"; 200].join("."));
    assert_eq!(told(&read_toml(header)), ["2:6+0 recursion limit"]);
    let arrays = format!("A = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_toml(arrays).diagnostics.has_errors());
    let tables = format!("A = {}1{}", "{a = ".repeat(50_000), "}".repeat(50_000));
    assert!(read_toml(tables).diagnostics.has_errors());
}

#[test]
fn a_line_may_be_long_but_not_endless() {
    let long = format!("A {}", "x ".repeat(1 << 20));
    assert_told(&read_httpd(long), "", &[]);
    let endless = format!("A {}\nB '", "x".repeat(16 << 20));
    let expected = ["1:1+0 the line is longer than 16 MiB", "2:3+1 the quote `'` is not closed on this line"];
    assert_told(&read_httpd(endless), "", &expected);
}

#[test]
fn variables_cannot_multiply_without_end() {
    let mut text = format!("Define a0 {}\n", "x".repeat(1024));
    for i in 1..=40 {
        text.push_str(&format!("Define a{i} ${{a{p}}}${{a{p}}}\n", p = i - 1));
    }
    let read = read_httpd(text);
    assert_eq!(
        read.diagnostics.errors().next().map(|error| error.message.as_str()),
        Some("the line is longer than 16 MiB once this is replaced")
    );
    let mut text = format!("Define a {}\n", "x".repeat(1 << 20));
    text.push_str(&"A ${a}\n".repeat(100));
    let read = read_httpd(text);
    assert_eq!(told(&read), ["64:1+6 the configuration is larger than 64 MiB in all"]);
}

#[test]
fn errors_end_after_a_thousand() {
    let read = read_httpd("</V>\n".repeat(5000));
    assert_eq!(read.diagnostics.len(), 1001);
    let last = read.diagnostics.iter().last().map(|last| last.message.as_str());
    assert_eq!(last, Some("more than 1000 errors: reading ends here"));
}

/// Every directory holds two more.
struct Endless;

impl Loader for Endless {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(b"Include d".to_vec())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<DirEntry>> {
        let dir = |name: &str| DirEntry { name: name.into(), is_dir: true };
        Ok(vec![dir("a"), dir("b")])
    }

    fn is_dir(&self, path: &Path) -> bool {
        !path.ends_with("main")
    }

    fn exists(&self, _: &Path) -> bool {
        true
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

#[test]
fn directories_without_end_come_to_one() {
    let read = read(&Input::new("/main", "/"), &Endless, &mut NoModules);
    let messages: Vec<_> = read.diagnostics.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["directories are nested deeper than 128: does a link lead back?"]);
}
