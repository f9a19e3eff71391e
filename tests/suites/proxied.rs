//! Suites about a configured proxy: a server, the origin that plays the other server's files and scripts, and rows asked
//! one after the other, each looked at from both sides.

use std::borrow::Cow;

use super::resources::{self, HUNDRED};
use crate::support::client::{Client, Response};
use crate::support::origin::{Origin, Seen};
use crate::support::policy::Policy;
use crate::support::ports::Refused;
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::unix::Bridge;

#[path = "../data/suites/row.rs"]
mod row;

use row::Check::{
    Asked, Body, Echo, Field, Holds, Interim, Kept, Lacks, Long, NoField, NoTrailer, Sent, Trailer, Unasked,
};
use row::Content::{self, Chunked, Halves, Length};
use row::{Asks, Check, Outcome, Row, beyond, get, post};

/// A suite: its rows, and the configuration that they are asked under.
struct Suite {
    name: &'static str,
    /// `{origin}` and `{other}` stand for the addresses of origins, `{refused}` for one that refuses, `{socket}` for a
    /// unix socket that leads to the first, `{members}` for both origins as members of a cluster, `{least}` and the like
    /// for the line that loads a balancer.
    conf: &'static str,
    rows: &'static [Row],
}

/// Both origins in a `<Proxy balancer://...>`.
const MEMBERS: &str =
    "BalancerMember http://{origin} loadfactor=1\nBalancerMember http://{other} loadfactor=1";

/// A server and its origins, used for one row at a time.
struct Bench {
    server: Server,
    origins: [Origin; 2],
    _bridge: Bridge,
    _refused: Refused,
    /// Kept from row to row as long as the server keeps it.
    client: Option<Client>,
}

impl Bench {
    fn new(suite: &Suite) -> Self {
        let (origins, refused) = ([resources::origin(), resources::origin()], Refused::new());
        let bridge = Bridge::to(origins[0].addr());
        // However slow the machine is, a connection is kept from row to row.
        let mut conf = format!("KeepAliveTimeout 60s\n{}", suite.conf);
        conf = conf.replace("{socket}", &bridge.path().display().to_string());
        conf = conf.replace("{members}", MEMBERS);
        for (place, addr) in
            [("{origin}", origins[0].addr()), ("{other}", origins[1].addr()), ("{refused}", refused.addr())]
        {
            conf = conf.replace(place, &addr.to_string());
        }
        for (place, policy) in [
            ("{least}", Policy::least as fn() -> Policy),
            ("{p2c}", Policy::p2c),
            ("{ketama}", Policy::ketama),
        ] {
            if conf.contains(place) {
                conf = conf.replace(place, &policy().load_line());
            }
        }
        Self { server: Server::conf(&conf), origins, _bridge: bridge, _refused: refused, client: None }
    }

    /// What went wrong with a row, if anything did.
    fn check(&mut self, row: &Row) -> Result<(), String> {
        let before = self.origins.each_ref().map(Origin::count);
        let sent = content(row.asks.body);
        let answer = self.ask(&row.asks, &sent)?;
        let seen =
            self.origins.iter().zip(before).flat_map(|(origin, before)| origin.requests().split_off(before));
        let seen: Vec<Seen> = seen.collect();
        judge(row, answer.status)?;
        row.checks.iter().try_for_each(|check| self.holds(*check, &answer, &sent, &seen))
    }

    fn ask(&mut self, asks: &Asks, sent: &[u8]) -> Result<Response, String> {
        let mut client = self.client.take().unwrap_or_else(|| self.server.client());
        for piece in pieces(asks, sent) {
            // A refusal may end the connection before everything was sent.
            if !client.try_send(&piece) {
                break;
            }
        }
        let answer = client.try_response(false).map_err(|error| format!("no answer: {error}"))?;
        if answer.field("Connection") != Some("close") {
            self.client = Some(client);
        }
        if answer.complete { Ok(answer) } else { Err(format!("the answer is cut: {}", answer.head)) }
    }

    fn holds(&self, check: Check, answer: &Response, sent: &[u8], seen: &[Seen]) -> Result<(), String> {
        let wrong = |what: String| Err(format!("{check:?}: {what}"));
        let body = answer.text();
        let asked: Vec<&str> = seen.iter().map(Seen::target).collect();
        let trailer = |name: &str| answer.trailers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        match check {
            Body(expected) if body != expected => wrong(format!("`{body}`")),
            Holds(part) if !body.contains(part) => wrong(format!("`{body}`")),
            Lacks(part) if body.contains(part) => wrong(format!("`{body}`")),
            Long(expected) if answer.body.len() != expected => wrong(format!("{}", answer.body.len())),
            Echo if answer.body != sent => wrong(format!("{} bytes, not those", answer.body.len())),
            Field(name, value) if answer.field(name) != Some(value) => wrong(answer.head.clone()),
            NoField(name) if answer.field(name).is_some() => wrong(answer.head.clone()),
            Trailer(name, value) if trailer(name).is_none_or(|(_, found)| found != value) => {
                wrong(format!("{:?}", answer.trailers))
            }
            NoTrailer(name) if trailer(name).is_some() => wrong(format!("{:?}", answer.trailers)),
            Interim(statuses) if answer.interim != statuses => wrong(format!("{:?}", answer.interim)),
            Asked(target) if asked != [target] => wrong(format!("{asked:?}")),
            Sent(name, value) if seen.last().and_then(|seen| seen.field(name)) != Some(value) => {
                wrong(seen.last().map_or_else(|| "nothing".to_owned(), |seen| seen.head.clone()))
            }
            Unasked if !seen.is_empty() => wrong(format!("{asked:?}")),
            Kept => self.kept(answer, sent),
            _ => Ok(()),
        }
    }

    /// Asks for what a Location names, at the host that it names.
    fn kept(&self, answer: &Response, sent: &[u8]) -> Result<(), String> {
        let location = answer.field("Location").unwrap_or_default();
        let place = location.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        let (host, path) = place.ok_or_else(|| format!("Location: {location}"))?;
        let mut client = self.server.client();
        client.send(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        let answer = client.response();
        if answer.status == 200 && answer.body == sent {
            return Ok(());
        }
        Err(format!("{location}: {} with {} bytes", answer.status, answer.body.len()))
    }
}

/// The text with letters and fields in the places of what stands for them.
fn filled(text: &'static str) -> Cow<'static, str> {
    let Some((before, rest)) = text.split_once('{') else { return text.into() };
    let (name, after) = rest.split_once('}').expect("a brace that is closed");
    let number = |letters: &str| name.strip_prefix(letters).and_then(|digits| digits.parse().ok());
    let filling = match (number("a"), number("fields")) {
        (Some(count), _) => "a".repeat(count),
        (_, Some(count)) => {
            (1..=count).map(|number| format!("X-Field-{number}: Testing field {number}\r\n")).collect()
        }
        _ => panic!("`{text}` has no meaning"),
    };
    format!("{before}{filling}{}", filled(after)).into()
}

/// The bytes of a request, each piece for a write of its own.
fn pieces(asks: &Asks, sent: &[u8]) -> Vec<Vec<u8>> {
    let (method, host, target, fields) = (asks.method, asks.host, filled(asks.target), filled(asks.fields));
    let head = |framing: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}{framing}\r\n").into_bytes()
    };
    match asks.body {
        Content::None => vec![head("")],
        Length(length) => vec![head(&format!("Content-Length: {length}\r\n")), sent.to_vec()],
        Chunked(_) => {
            let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
            let chunks = sent.chunks(1000).chain([&b""[..]]).map(chunk);
            std::iter::once(head("Transfer-Encoding: chunked\r\n")).chain(chunks).collect()
        }
        Halves(length) => {
            let (first, second) = sent.split_at(length / 2);
            vec![head(&format!("Content-Length: 0{length}\r\n")), first.to_vec(), second.to_vec()]
        }
    }
}

/// Bytes of which no two neighbours within 251 are alike.
fn content(body: Content) -> Vec<u8> {
    let (Length(length) | Chunked(length) | Halves(length)) = body else { return Vec::new() };
    (0..length).map(|place| (place % 251) as u8).collect()
}

fn judge(row: &Row, status: u16) -> Result<(), String> {
    match row.outcome {
        Outcome::Deviates(promised, _) if status == promised => Ok(()),
        Outcome::Deviates(promised, _) => Err(format!("{promised} was promised, the answer is {status}")),
        _ if status == row.expects => Ok(()),
        _ => Err(format!("{} was expected, the answer is {status}", row.expects)),
    }
}

fn run(suite: &Suite) {
    let mut bench = Bench::new(suite);
    let mut failures = Vec::new();
    for row in suite.rows.iter().filter(|row| !matches!(row.outcome, Outcome::Beyond(_))) {
        if let Err(text) = bench.check(row) {
            failures.push(format!("{}: {text}", row.id));
            // What a failed row left behind must not be taken for the next one's.
            bench = Bench::new(suite);
        }
    }
    assert!(failures.is_empty(), "{}, {} failures:\n{}", suite.name, failures.len(), failures.join("\n"));
    report(suite);
}

fn report(suite: &Suite) {
    let count = |fits: fn(Outcome) -> bool| suite.rows.iter().filter(|row| fits(row.outcome)).count();
    figure(format_args!(
        "{}: {} rows, {} as expected, {} deviations, {} beyond what proxyd has",
        suite.name,
        suite.rows.len(),
        count(|outcome| matches!(outcome, Outcome::AsExpected)),
        count(|outcome| matches!(outcome, Outcome::Deviates(..))),
        count(|outcome| matches!(outcome, Outcome::Beyond(_))),
    ));
    for row in suite.rows {
        match row.outcome {
            Outcome::AsExpected => {}
            Outcome::Deviates(status, reason) if status == row.expects => {
                figure(format_args!("  {}: {reason}", row.id));
            }
            Outcome::Deviates(status, reason) => {
                figure(format_args!("  {}: {} is {status} here, {reason}", row.id, row.expects));
            }
            Outcome::Beyond(reason) => figure(format_args!("  {}: not asked, {reason}", row.id)),
        }
    }
}

/// Reasons that rows share.
const DOTS: &str = "a path with dot segments is refused, not resolved";
const TWO_SLASHES: &str = "a path that begins with two slashes is refused";
const TRAILERS: &str = "trailers go to clients that say `TE: trailers`";

/// A suite's test, from the table of that file and the configuration.
macro_rules! suites {
    ($($test:ident: $name:literal, $file:literal, $least:literal, $conf:literal;)*) => {$(
        #[test]
        fn $test() {
            const ROWS: &[Row] = &include!($file);
            let suite = Suite { name: $name, conf: $conf, rows: ROWS };
            assert!(suite.rows.len() >= $least, "{} has shrunk to {}", suite.name, suite.rows.len());
            run(&suite);
        }
    )*};
}

suites! {
    suite_httpd_proxy: "httpd proxy.t", "../data/suites/httpd_proxy.rs", 29, "
<VirtualHost *:*>
ServerName reverse
<Location /reverse/locproxy/index.html>
ProxyPass !
</Location>
<Location /reverse/locproxy/>
ProxyPass http://{origin}/
</Location>
ProxyPass /reverse/notproxy/ !
ProxyPass /reverse/ http://{origin}/
ProxyPassReverse /reverse/ http://{origin}/
ProxyPass /reverse-match/ http://{origin}/
ProxyPass /reverse-slash http://{origin}
ProxyPassReverseCookieDomain local remote
ProxyPassReverseCookiePath /local /remote
ProxyPass /uds/ unix:{socket}|http://localhost/uds/
ProxyPass /mapping http://{origin}/servlet
</VirtualHost>
<VirtualHost *:*>
ServerName nofwd
ProxyAddHeaders Off
ProxyPass /reverse/ http://{origin}/
</VirtualHost>
{lb}
<Proxy balancer://pr45434>
BalancerMember http://{origin}
</Proxy>
LBMethod pr45434 proxy_lb_module
<VirtualHost *:*>
ServerName balancer
ProxyPass /pr45434 balancer://pr45434/modules/alias
ProxyPassReverse /pr45434 balancer://pr45434/modules/alias
</VirtualHost>
";
    suite_httpd_proxy_balancer: "httpd proxy_balancer.t", "../data/suites/httpd_proxy_balancer.rs", 11, "
{lb}
{least}{p2c}{ketama}
<Proxy balancer://foo1>
{members}
</Proxy>
LBMethod foo1 proxy_lb_module
<Proxy balancer://foo3>
{members}
</Proxy>
LBMethod foo3 lb_least_module
<Proxy balancer://foo5>
{members}
</Proxy>
LBMethod foo5 lb_p2c_module
<Proxy balancer://foo6>
{members}
</Proxy>
LBMethod foo6 lb_ketama_module
<Proxy balancer://failover>
BalancerMember http://{refused} loadfactor=1
BalancerMember http://{origin} loadfactor=1
</Proxy>
LBMethod failover proxy_lb_module
<Location /baltest1>
ProxyPass balancer://foo1/
</Location>
<Location /baltest3>
ProxyPass balancer://foo3/
</Location>
<Location /baltest5>
ProxyPass balancer://foo5/
</Location>
<Location /baltest6>
ProxyPass balancer://foo6/
</Location>
ProxyPass /baltest_echo_post balancer://failover/echo_post
";
    suite_httpd_limits: "httpd limits.t", "../data/suites/httpd_limits.rs", 12, "
LimitRequestLine 128
LimitRequestFieldSize 1024
LimitRequestFields 32
<Location /apache/limits>
LimitRequestBody 65536
</Location>
ProxyPass / http://{origin}/
";
    suite_httpd_mergeslashes: "httpd mergeslashes.t", "../data/suites/httpd_mergeslashes.rs", 9, "
<VirtualHost *:*>
ServerName merge-default
ProxyPass /authz_core/a/b/c/index.html !
ProxyPass / http://{origin}/
</VirtualHost>
<VirtualHost *:*>
ServerName merge-disabled
ProxyPass /authz_core/a/b/c/index.html !
ProxyPass /authz_core/a//b/c/index.html !
ProxyPass /authz_core/a/b/d !
ProxyPass / http://{origin}/
</VirtualHost>
";
    suite_httpd_encoding: "httpd core/test_001_encoding", "../data/suites/httpd_encoding.rs", 31, "
ProxyPreserveHost On
ProxyPass / http://{origin}/
";
    suite_httpd_hosts: "httpd proxy/test_01, test_02, hostcheck.t", "../data/suites/httpd_hosts.rs", 21, "
{lb}
StrictHostCheck On
ProxyPreserveHost On
<VirtualHost *:*>
ServerName forward
</VirtualHost>
<Proxy balancer://backends>
BalancerMember http://{origin}
</Proxy>
LBMethod backends proxy_lb_module
<VirtualHost *:*>
ServerName reverse
ServerAlias mixed default-strict nvh-strict
ProxyPass / http://{origin}/
</VirtualHost>
<VirtualHost *:*>
ServerName uds-reverse
ServerAlias uds-mixed
ProxyPass / unix:{socket}|http://{origin}/
</VirtualHost>
<VirtualHost *:*>
ServerName test1
ProxyPass /proxy balancer://backends
ProxyPassReverse /proxy http://test1
</VirtualHost>
";
    suite_httpd_http1: "httpd http1/test_001 to test_005, test_008_ranges, http11/*.t", "../data/suites/httpd_http1.rs", 85, "
ProxyPreserveHost On
ProxyPass /proxy/ http://{origin}/
ProxyPass / http://{origin}/
ProxyPassReverse / http://{origin}/
";
}
