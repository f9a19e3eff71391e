//! Events in, lines out.

use proxy_core::conf::{LogLevel, LogLevels, LogTarget};
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// The lines that `act` makes, without time, process and thread.
fn lines(levels: Levels, act: impl FnOnce()) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = ErrorLog::new(levels, Appender::open(&LogTarget::File(path.clone())).unwrap());
    let subscriber = tracing_subscriber::registry().with(ErrorLayer(log));
    tracing::subscriber::with_default(subscriber, act);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_once("] ").unwrap().1.to_owned()).map(without_ids).collect()
}

fn without_ids(line: String) -> String {
    let (start, end) = (line.find(" [pid ").unwrap(), line.find("] ").unwrap());
    let end = end + 1 + line[end + 1..].find(']').map_or(0, |at| at + 1);
    format!("{}{}", &line[..start], &line[end..])
}

#[test]
fn a_line_has_its_parts_in_order() {
    let lines = lines(Levels::all(Level::DEBUG), || {
        tracing::warn!(target: "proxy_http::upstream", endpoint = "a:80", tries = 2, "cannot connect");
        tracing::error!(target: "proxy_core::trylist", code = "PX0001", module = %"x_module", "fault");
        tracing::info!(target: "module", module = "y_module", origin = "o", file = "f", line = 3u64, "hello a=b");
        tracing::error!(target: "proxy_core", module = 7usize, "by place");
        tracing::info!("ready");
        tracing::debug!(target: "mod_z::deep", "static");
    });
    assert_eq!(
        lines,
        [
            "[http:warn] cannot connect endpoint=a:80 tries=2",
            "[x_module:error] PX0001: fault",
            "[y_module:info] hello a=b",
            "[core:error] by place module=7",
            "[server:notice] ready",
            "[z_module:debug] static",
        ]
    );
}

#[test]
fn one_event_is_one_line_of_bounded_length() {
    let lines = lines(Levels::all(Level::INFO), || {
        tracing::error!(target: "proxy_http", "a\nb\x1b[1m\\ \u{e4}");
        tracing::error!(target: "proxy_http", "{}", "x".repeat(100_000));
    });
    assert_eq!(lines[0], r"[http:error] a\nb\x1b[1m\\ \xc3\xa4");
    assert_eq!(lines.len(), 2);
    assert!(lines[1].len() < LONGEST && lines[1].len() > LONGEST - 100, "{}", lines[1].len());
}

#[test]
fn levels_are_kept_by_module_but_notices_come_always() {
    let conf = LogLevels {
        default: LogLevel::Error,
        modules: vec![("mod_proxy_lb".to_owned(), LogLevel::Debug), ("http".to_owned(), LogLevel::Warn)],
    };
    let lines = lines(Levels::of(&conf, None), || {
        tracing::debug!(target: "module", module = "proxy_lb_module", "wanted");
        tracing::debug!(target: "module", module = "other_module", "not wanted");
        tracing::warn!(target: "proxy_http::pool", "wanted");
        tracing::warn!(target: "proxy_core", "not wanted");
        tracing::info!(target: "proxyd::server", "ready");
    });
    assert_eq!(lines, ["[proxy_lb_module:debug] wanted", "[http:warn] wanted", "[server:notice] ready"]);
}

#[test]
fn the_head_is_httpds() {
    let mut line = Line::new();
    line.module.extend_from_slice(b"core");
    line.head(UNIX_EPOCH + std::time::Duration::from_micros(971_211_336_000_042), "error");
    let text = String::from_utf8(line.bytes).unwrap();
    let pid = std::process::id();
    assert!(
        text.contains(":36.000042 2000] [core:error] [pid ") && text.contains(&format!("[pid {pid}:tid ")),
        "{text}"
    );
}
