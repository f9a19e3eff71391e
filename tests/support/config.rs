//! Configurations in both spellings, and the one line that differs between a loaded and a compiled-in balancer.

use std::path::Path;

use super::modules;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Conf,
    Toml,
}

impl Syntax {
    pub(crate) const fn file_name(self) -> &'static str {
        match self {
            Self::Conf => "proxyd.conf",
            Self::Toml => "proxyd.toml",
        }
    }
}

/// Whether the round robin is compiled into the program instead of loaded: everything else stays the same.
pub(crate) fn is_static() -> bool {
    std::env::var("PROXYD_TEST_MODE").is_ok_and(|mode| mode == "static")
}

/// What `{lb}` in a configuration stands for: the line that loads the round robin. Empty where it is built in.
pub(crate) fn lb_line(syntax: Syntax) -> String {
    if is_static() {
        return String::new();
    }
    load_module(syntax, "proxy_lb_module", &modules::proxy_lb().display().to_string())
}

/// A LoadModule line.
pub(crate) fn load_module(syntax: Syntax, ident: &str, file: &str) -> String {
    match syntax {
        Syntax::Conf => format!("LoadModule {ident} {file}"),
        Syntax::Toml => format!("LoadModule = [\"{ident}\", \"{file}\"]"),
    }
}

/// As [`load_module`] in httpd's syntax, with the end of the line.
pub(crate) fn load_line(ident: &str, file: &Path) -> String {
    load_module(Syntax::Conf, ident, &file.display().to_string()) + "\n"
}

/// The seed's configuration with endpoints and routes of one's own, written in either spelling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Balanced {
    settings: Vec<(String, String)>,
    endpoints: Vec<(String, String)>,
    routes: Vec<(String, String)>,
}

impl Balanced {
    /// One cluster, `cluster1`, and all that begins with `/snoop` routed to it, as in the post.
    pub(crate) fn snoop<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Self {
        urls.into_iter()
            .fold(Self::default(), |it, url| it.endpoint("cluster1", url.as_ref()))
            .route("/snoop", "cluster1")
    }

    pub(crate) fn endpoint(mut self, cluster: &str, url: &str) -> Self {
        self.endpoints.push((cluster.to_owned(), url.to_owned()));
        self
    }

    pub(crate) fn route(mut self, path: &str, target: &str) -> Self {
        self.routes.push((path.to_owned(), target.to_owned()));
        self
    }

    /// A directive of the server.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn text(&self, syntax: Syntax) -> String {
        let mut out = String::new();
        let mut line = |text: String| out = std::mem::take(&mut out) + &text + "\n";
        match syntax {
            Syntax::Conf => {
                line("{lb}".to_owned());
                self.settings.iter().for_each(|(name, value)| line(format!("{name} {value}")));
                line("<IfModule mod_proxy_lb.c>".to_owned());
                self.endpoints
                    .iter()
                    .for_each(|(cluster, url)| line(format!("    LBServerCluster {cluster} {url}")));
                self.routes
                    .iter()
                    .for_each(|(path, target)| line(format!("    LBProxyPass {path} {target}")));
                line("</IfModule>".to_owned());
            }
            Syntax::Toml => {
                line("{lb}".to_owned());
                self.settings.iter().for_each(|(name, value)| line(format!("{name} = \"{value}\"")));
                line("[IfModule.\"mod_proxy_lb.c\"]".to_owned());
                line(format!("LBServerCluster = {}", toml_lines(&self.endpoints)));
                line(format!("LBProxyPass = {}", toml_lines(&self.routes)));
            }
        }
        out
    }
}

fn toml_lines(lines: &[(String, String)]) -> String {
    let lines: Vec<String> = lines.iter().map(|(a, b)| format!("[\"{a}\", \"{b}\"]")).collect();
    format!("[{}]", lines.join(", "))
}

/// Makes a test of each configuration file's spelling out of one function of [`Syntax`].
macro_rules! in_both_syntaxes {
    ($($(#[$attr:meta])* fn $name:ident($syntax:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "each test takes what it needs of its file's imports")]
            use super::*;

            $(#[$attr])*
            fn run($syntax: $crate::support::config::Syntax) $body

            #[test]
            fn from_conf() {
                run($crate::support::config::Syntax::Conf);
            }

            #[test]
            fn from_toml() {
                run($crate::support::config::Syntax::Toml);
            }
        }
    )+};
}
