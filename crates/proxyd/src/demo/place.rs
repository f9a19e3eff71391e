//! Where the demo runs: the tree that the program stands in, and a directory for its configuration and logs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::statics;

/// The module file, below ServerRoot.
const MODULE: &str = "modules/mod_proxy_lb.so";
const IDENT: &str = "proxy_lb_module";

/// The demo's files. The directory goes when this does.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) program: PathBuf,
    /// The directory above the program's: what `LoadModule` is relative to.
    pub(super) server_root: PathBuf,
    pub(super) config: PathBuf,
    pub(super) access_log: PathBuf,
    pub(super) error_log: PathBuf,
    /// The configuration.
    pub(super) text: String,
    /// In words: who balances.
    pub(super) balancer: String,
    _dir: TempDir,
}

impl Place {
    /// Finds the module and writes the configuration.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub(super) fn make(origins: &[SocketAddr]) -> Result<Self, String> {
        let program = std::env::current_exe().and_then(|program| program.canonicalize());
        let program = program.map_err(|error| format!("it cannot be told where this program is: {error}"))?;
        let server_root =
            program.parent().and_then(Path::parent).unwrap_or_else(|| Path::new("/")).to_owned();
        let is_compiled_in = statics::modules()?.iter().any(|module| module.info().ident == IDENT);
        let file = server_root.join(MODULE);
        if !is_compiled_in && !file.is_file() {
            return Err(format!(
                "there is no {}: in the source tree build it with 'cargo xtask modules', or run \
                 'cargo xtask demo', which does all of it",
                file.display()
            ));
        }
        let balancer =
            if is_compiled_in { "mod_proxy_lb, compiled in".to_owned() } else { file.display().to_string() };
        let dir = tempfile::Builder::new().prefix("proxyd-demo-").tempdir();
        let dir = dir.map_err(|error| format!("no temporary directory: {error}"))?;
        let at = |name: &str| dir.path().join(name);
        let (config, access_log, error_log) = (at("proxyd.conf"), at("access_log"), at("error_log"));
        let text = configuration(origins, is_compiled_in, &access_log, &error_log);
        std::fs::write(&config, &text)
            .map_err(|error| format!("{} cannot be written: {error}", config.display()))?;
        Ok(Self { program, server_root, config, access_log, error_log, text, balancer, _dir: dir })
    }

    /// Whether the tree holds a configuration of its own to go on with.
    pub(super) fn has_own_config(&self) -> bool {
        self.server_root.join("conf/proxyd.conf").is_file()
    }
}

/// The lines of 2003, with the origins in place of the downstream servers.
fn configuration(
    origins: &[SocketAddr],
    is_compiled_in: bool,
    access_log: &Path,
    error_log: &Path,
) -> String {
    let mut text = format!(
        "Listen 127.0.0.1:0\nErrorLog \"{}\"\nCustomLog \"{}\" combined\n\n",
        error_log.display(),
        access_log.display()
    );
    if !is_compiled_in {
        text.push_str(&format!("LoadModule {IDENT} {MODULE}\n"));
    }
    text.push_str("<IfModule mod_proxy_lb.c>\n");
    for origin in origins {
        text.push_str(&format!("LBServerCluster cluster1 http://{origin}\n"));
    }
    text.push_str("LBProxyPass /file500.html cluster1\nLBProxyPass /snoop cluster1\n</IfModule>\n");
    text
}
