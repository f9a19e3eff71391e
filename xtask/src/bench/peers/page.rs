//! The page: tables, bars and configurations in one file that needs nothing else.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::check::Check;
use super::figures::thousands;
use super::proxy::Proxy;
use super::table::Table;

/// What one scenario came to.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) title: String,
    pub(crate) table: Table,
    pub(crate) plots: Vec<Plot>,
    pub(crate) checks: Vec<Check>,
}

/// Bars, one a name.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    title: &'static str,
    bars: Vec<(String, f64)>,
}

impl Plot {
    pub(crate) fn new(title: &'static str, bars: Vec<(String, f64)>) -> Self {
        Self { title, bars }
    }

    /// A drawing of fixed width; the longest bar fills it.
    fn svg(&self) -> String {
        const NAMES: f64 = 110.0;
        const BAR: f64 = 300.0;
        const FIGURES: f64 = 90.0;
        const LINE: f64 = 24.0;
        let longest = self.bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let (width, height) = (NAMES + BAR + FIGURES, LINE * self.bars.len() as f64);
        let mut svg = format!(
            "<figure><figcaption>{}</figcaption><svg width=\"{width}\" height=\"{height}\" role=\"img\">\n",
            escape(self.title)
        );
        for (index, (name, value)) in self.bars.iter().enumerate() {
            let top = LINE * index as f64;
            let length = if longest > 0.0 { (BAR * value / longest).max(0.0) } else { 0.0 };
            let (class, text) = (if index == 0 { "own" } else { "peer" }, top + 16.0);
            let figure = if longest < 100.0 { format!("{value:.2}") } else { thousands(*value) };
            let _ = writeln!(
                svg,
                "<text x=\"0\" y=\"{text}\">{}</text>\
                 <rect class=\"{class}\" x=\"{NAMES}\" y=\"{}\" width=\"{length:.1}\" height=\"16\"/>\
                 <text x=\"{:.1}\" y=\"{text}\">{figure}</text>",
                escape(name),
                top + 3.0,
                NAMES + length + 6.0,
            );
        }
        svg.push_str("</svg></figure>\n");
        svg
    }
}

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:64em;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;margin:1em 0}th,td{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child,td:last-child{text-align:left}
figure{display:inline-block;margin:0 2em 1em 0}figcaption{font-weight:600}svg text{font-size:13px;fill:#222}
.own{fill:#2266bb}.peer{fill:#aab4c0}.missed{color:#b00020;font-weight:600}
pre{background:#f6f6f6;padding:1em;overflow:auto}";

/// The whole page.
pub(crate) fn page(about: &[(&str, String)], parts: &[Part], proxies: &[Proxy], dir: &Path) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>proxyd and its peers</title>\
         <style>{STYLE}</style></head><body>\n<h1>proxyd and its peers</h1>\n<table>\n"
    );
    for (name, value) in about {
        let _ = writeln!(html, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value));
    }
    html.push_str(
        "</table>\n<p>Requests <em>per CPU second</em> are those a proxy answers by a second of its own time, user and \
         system, of all its processes. It is the figure that is compared: where a row says load-bound, the clients' \
         core was full before the proxy's. Latency is counted from the moment a request was due, at one rate for \
         all: half of what the slowest peer can do.</p>\n",
    );
    for part in parts {
        let _ = write!(html, "<h2>{}</h2>\n{}", escape(&part.title), part.table.html());
        part.plots.iter().for_each(|plot| html.push_str(&plot.svg()));
        html.push_str("<ul>\n");
        for check in &part.checks {
            let class = if check.passes() { "met" } else { "missed" };
            let _ = writeln!(html, "<li class=\"{class}\">{}</li>", escape(&check.to_string()));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("<h2>Configurations</h2>\n");
    for proxy in proxies {
        let name = format!("{}.conf", proxy.kind.name());
        if let Ok(text) = fs::read_to_string(dir.join(&name)) {
            let _ = writeln!(html, "<h3>{}</h3>\n<pre>{}</pre>", escape(&name), escape(&text));
        }
    }
    html.push_str("</body></html>\n");
    html
}

/// Text as it may stand in an element or an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_escaped() {
        assert_eq!(escape("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn the_longest_bar_fills_the_plot() {
        let plot = Plot::new("speed", vec![("a".into(), 50.0), ("b<".into(), 100.0), ("none".into(), 0.0)]);
        let svg = plot.svg();
        assert!(svg.contains("width=\"150.0\"") && svg.contains("width=\"300.0\""), "{svg}");
        assert!(svg.contains("b&lt;") && svg.contains("width=\"0.0\""), "{svg}");
        assert!(Plot::new("nothing", Vec::new()).svg().contains("</svg>"));
    }

    #[test]
    fn a_page_loads_nothing() {
        let part = Part {
            title: "S<1>".into(),
            table: Table::new(&["a"]),
            plots: vec![Plot::new("speed", vec![("a".into(), 1.0)])],
            checks: vec![Check::at_least("speed", Some(1.0), 2.0)],
        };
        let html = page(&[("machine", "a & b".into())], &[part], &[], Path::new("/nowhere"));
        assert!(html.contains("<h2>S&lt;1&gt;</h2>") && html.contains("a &amp; b"), "{html}");
        assert!(html.contains("class=\"missed\""), "{html}");
        assert!(!html.contains("src=") && !html.contains("http://") && !html.contains("<script"), "{html}");
    }
}
