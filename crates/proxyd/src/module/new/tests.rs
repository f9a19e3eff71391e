//! Names, and what the template becomes under one.

use super::*;

fn new(c: bool) -> New {
    New { name: "lb-mine".to_owned(), c, sdk: None }
}

#[test]
fn names_are_those_of_packages_and_idents() {
    for fits in ["lb-mine", "mine", "a", "p2c", "lb-2-choices"] {
        assert_eq!(name(fits).as_deref(), Ok(fits));
    }
    let long = "a".repeat(57);
    for wrong in
        ["", "-lb", "lb-", "lb--mine", "Lb", "lb_mine", "2lb", "lb/mine", "..", "lb mine", &long, "proxy-abi"]
    {
        assert!(name(wrong).is_err(), "{wrong}");
    }
    assert!(name(&"a".repeat(56)).is_ok());
}

#[test]
fn nothing_of_the_template_is_left_in_what_is_written() {
    let tmp = tempfile::tempdir().unwrap();
    for (c, source) in [(false, "src/lib.rs"), (true, "lb_mine.c")] {
        let dir = tmp.path().join(source.replace('/', "-"));
        write(&new(c), "/opt/a b/sdk", &dir).unwrap();
        let all = files(&dir);
        assert!(all.iter().any(|(path, text)| path.ends_with(source) && text.contains("lb_mine_module")));
        for (path, text) in &all {
            assert!(!text.contains("template") && !text.contains(SDK), "{}: {text}", path.display());
        }
        assert!(all.iter().any(|(_, text)| text.contains("/opt/a b/sdk")));
        let again = write(&new(c), "/sdk", &dir).unwrap_err();
        assert!(again.ends_with("is there already: choose another name, or remove it"), "{again}");
    }
}

fn files(dir: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| {
        if path.is_dir() { files(&path) } else { vec![(path.clone(), fs::read_to_string(&path).unwrap())] }
    };
    entries.flat_map(of).collect()
}

#[test]
fn an_sdk_that_is_not_there_is_named() {
    let tmp = tempfile::tempdir().unwrap();
    let missing = New { sdk: Some(tmp.path().join("sdk")), ..new(false) };
    assert!(sdk(&missing).unwrap_err().contains("sdk/proxy-module/Cargo.toml: name the SDK with --sdk DIR"));
}

#[test]
fn the_readme_shows_what_is_written() {
    let readme = include_str!("../../../../../README.md");
    let (_, source) = RUST.into_iter().find(|(path, _)| *path == "src/lib.rs").unwrap();
    assert!(readme.contains(&fill(source, "lb-mine", "")), "write src/lib.rs of the template into README.md");
    let steps = fill(NEXT_RUST, "lb-mine", "");
    for step in steps.lines().filter_map(|line| line.strip_prefix("  ")) {
        assert!(readme.contains(step), "{step}");
    }
}
