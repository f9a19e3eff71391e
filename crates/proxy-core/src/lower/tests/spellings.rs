//! Both syntaxes mean the same, and the files in `conf/` are proof of it.

use std::path::Path;

use super::fake::{from_file, printed, sound};
use crate::lower::Configured;

/// The configuration without the places where it was written, which differ.
fn without_places(configured: &Configured) -> String {
    let debug = format!("{:?}", configured.conf);
    let mut parts = debug.split("Span {");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("Span");
        text.push_str(part.split_once(" }").map_or("", |(_, rest)| rest));
    }
    text
}

fn check_same(httpd: &str, toml: &str) {
    let httpd = sound(httpd);
    let toml = from_file("/srv/conf/proxyd.toml", toml);
    assert!(toml.diagnostics.is_empty(), "{}", printed(&toml).join("\n"));
    assert!(httpd.tree.same_as(&toml.tree), "{}\nis not\n{}", httpd.tree.to_httpd(), toml.tree.to_httpd());
    assert_eq!(without_places(&httpd), without_places(&toml));
}

#[test]
fn one_configuration_has_two_spellings() {
    check_same(
        "LoadModule proxy_lb_module modules/mod_proxy_lb.so\nListen 127.0.0.1:8080\nExecutors 2\n\
         ProxyPreserveHost On\nLBServerCluster c http://a:1\nLBServerCluster c http://b:2\nLBProxyPass /x c\n\
         ProxyPass / http://o/\n<VirtualHost *:8080>\nServerName v.example\n<Location /y>\nProxyTimeout 5s\n\
         LBProxyPass c/z\n</Location>\n</VirtualHost>",
        r#"
        LoadModule = "proxy_lb_module modules/mod_proxy_lb.so"
        Listen = "127.0.0.1:8080"
        Executors = 2
        ProxyPreserveHost = true
        LBServerCluster = [["c", "http://a:1"], ["c", "http://b:2"]]
        LBProxyPass = "/x c"
        ProxyPass = ["/", "http://o/"]
        [VirtualHost."*:8080"]
        ServerName = "v.example"
        [VirtualHost."*:8080".Location."/y"]
        ProxyTimeout = "5s"
        LBProxyPass = "c/z"
        "#,
    );
}

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_shipped_files_are_equal() {
    check_same(&shipped("proxyd.conf"), &shipped("proxyd.toml"));
}

#[test]
fn the_shipped_topics_are_sound() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/extra");
    let mut topics = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        sound(&format!("{}\n{}", shipped("proxyd.conf"), shipped(&format!("extra/{name}"))));
        topics += 1;
    }
    assert!(topics >= 2);
}
