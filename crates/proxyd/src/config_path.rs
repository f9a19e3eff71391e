//! Which configuration file is meant, and what is ServerRoot until the file says otherwise.

use std::path::{Path, PathBuf};

/// The file to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConfigPath {
    /// Absolute.
    pub(crate) file: PathBuf,
    /// Absolute.
    pub(crate) server_root: PathBuf,
    /// Nobody named it: beside `-C` and `-c` it may be missing.
    pub(crate) is_default: bool,
}

/// What the search depends on.
pub(crate) struct Surroundings<'a> {
    /// Absolute.
    pub(crate) current_dir: &'a Path,
    /// `$PROXYD_CONF`.
    pub(crate) variable: Option<PathBuf>,
    pub(crate) exists: &'a dyn Fn(&Path) -> bool,
}

const NAMES: [&str; 2] = ["proxyd.conf", "proxyd.toml"];

/// Finds the file: `-f`; else below `-d`; else `$PROXYD_CONF`, `./conf`, `/etc/proxyd`, each as `.conf` or, where
/// only that exists, as `.toml`.
pub(crate) fn find(config: Option<&Path>, root: Option<&Path>, around: &Surroundings<'_>) -> ConfigPath {
    let root = root.map(|root| around.current_dir.join(root));
    if let Some(config) = config {
        let file = root.as_deref().unwrap_or(around.current_dir).join(config);
        return with_root(file, root, false);
    }
    if let Some(root) = root {
        let file =
            first_existing(&root.join("conf"), around).unwrap_or_else(|| root.join("conf").join(NAMES[0]));
        return with_root(file, Some(root), true);
    }
    if let Some(file) = &around.variable {
        return with_root(around.current_dir.join(file), None, false);
    }
    let places = [around.current_dir.join("conf"), PathBuf::from("/etc/proxyd")];
    let found = places.iter().find_map(|place| first_existing(place, around));
    with_root(found.unwrap_or_else(|| places[0].join(NAMES[0])), None, true)
}

fn first_existing(dir: &Path, around: &Surroundings<'_>) -> Option<PathBuf> {
    NAMES.iter().map(|name| dir.join(name)).find(|file| (around.exists)(file))
}

fn with_root(file: PathBuf, root: Option<PathBuf>, is_default: bool) -> ConfigPath {
    let server_root = root.unwrap_or_else(|| root_of(&file));
    ConfigPath { file, server_root, is_default }
}

/// The directory above `conf/`; of a file that stands elsewhere, its own.
fn root_of(file: &Path) -> PathBuf {
    let dir = file.parent().unwrap_or_else(|| Path::new("/"));
    match dir.parent() {
        Some(above) if dir.ends_with("conf") => above.to_owned(),
        _ => dir.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// -f, -d, $PROXYD_CONF, files that exist; then file, ServerRoot, whether it is a default.
    type Row =
        (&'static str, &'static str, &'static str, &'static [&'static str], &'static str, &'static str, bool);

    const TABLE: &[Row] = &[
        ("a.conf", "", "", &[], "/home/a.conf", "/home", false),
        ("conf/a.conf", "", "", &[], "/home/conf/a.conf", "/home", false),
        ("/srv/conf/a.toml", "", "", &[], "/srv/conf/a.toml", "/srv", false),
        ("a.conf", "/srv", "", &[], "/srv/a.conf", "/srv", false),
        ("/x/a.conf", "srv", "/y.conf", &[], "/x/a.conf", "/home/srv", false),
        ("", "/srv", "", &[], "/srv/conf/proxyd.conf", "/srv", true),
        ("", "/srv", "/y.conf", &["/srv/conf/proxyd.toml"], "/srv/conf/proxyd.toml", "/srv", true),
        (
            "",
            "/srv",
            "",
            &["/srv/conf/proxyd.toml", "/srv/conf/proxyd.conf"],
            "/srv/conf/proxyd.conf",
            "/srv",
            true,
        ),
        ("", "", "/y/conf/p.conf", &["/home/conf/proxyd.conf"], "/y/conf/p.conf", "/y", false),
        ("", "", "y.conf", &[], "/home/y.conf", "/home", false),
        ("", "", "", &["/home/conf/proxyd.conf"], "/home/conf/proxyd.conf", "/home", true),
        ("", "", "", &["/etc/proxyd/proxyd.conf"], "/etc/proxyd/proxyd.conf", "/etc/proxyd", true),
        (
            "",
            "",
            "",
            &["/etc/proxyd/proxyd.conf", "/home/conf/proxyd.toml"],
            "/home/conf/proxyd.toml",
            "/home",
            true,
        ),
        ("", "", "", &[], "/home/conf/proxyd.conf", "/home", true),
    ];

    #[test]
    fn the_file_is_found_in_order() {
        for &(config, root, variable, existing, file, server_root, is_default) in TABLE {
            let path = |text: &'static str| Some(text).filter(|text| !text.is_empty()).map(Path::new);
            let exists = |path: &Path| existing.iter().any(|&one| path == Path::new(one));
            let variable = path(variable).map(Path::to_owned);
            let around = Surroundings { current_dir: Path::new("/home"), variable, exists: &exists };
            let found = find(path(config), path(root), &around);
            let wanted = ConfigPath { file: file.into(), server_root: server_root.into(), is_default };
            assert_eq!(found, wanted, "-f {config} -d {root}");
        }
    }
}
