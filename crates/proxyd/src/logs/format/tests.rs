//! Formats compiled and run.

use super::*;

#[test]
fn unknown_codes_are_named_with_their_place() {
    let table = [
        ("%Z", "%Z", 0),
        ("%h %>Q", "%>Q", 3),
        ("a%", "%", 1),
        ("%{Name", "%{Name", 0),
        ("%{Name}o", "%{Name}o", 0),
        ("%{}i", "%{}i", 0),
        ("%{HOME}e", "%{HOME}e", 0),
        ("%400{Referer}i", "%4", 0),
        ("\u{e4}%\u{e4}", "%\u{e4}", 2),
        ("%I", "%I", 0),
        ("%{x}x", "%{x}x", 0),
    ];
    for (format, code, at) in table {
        assert_eq!(Format::compile(format), Err(Unknown { code, at }), "{format}");
    }
}

#[test]
fn text_between_codes_is_kept() {
    let text = |text: &str| Item::Text(text.into());
    let table: [(&str, Vec<Item>); 5] = [
        ("100%% of it", vec![text("100% of it")]),
        ("%h\\t%s\\n", vec![Item::ClientAddr, text("\t"), Item::Status, text("\n")]),
        ("\\\"%r\\\"", vec![text("\""), Item::Line, text("\"")]),
        ("%<s%>s", vec![Item::Status, Item::Status]),
        ("%{User-Agent}i %{tries}x", vec![Item::Field("User-Agent".into()), text(" "), Item::Tries]),
    ];
    for (format, items) in table {
        assert_eq!(Format::compile(format), Ok(Format(items.into())), "{format}");
    }
}

/// What `format` makes of a request with odd fields that the endpoint of a route to an URL answered.
fn line(format: &str, head: &[u8], sent: u64) -> String {
    let input = proxy_config::Input::new("/a.conf", "/");
    let text = "Listen 1\nServerName main.example\nProxyPass /a http://10.0.0.1:81/a\n";
    let files = proxy_config::MemoryLoader::default().with("/a.conf", text);
    let configured = proxy_core::lower::configure(&input, &files, &proxy_dso::Loader::default(), Vec::new());
    let caller = proxy_core::caller::Caller::new(u32::MAX);
    let generation = Generation::build(configured.conf, &configured.modules, &caller).unwrap();
    let cluster = generation.clusters().next().unwrap();
    let mut parser = proxy_http::message::RequestHead::default();
    let limits = proxy_http::message::Limits::default();
    let is_request = parser.parse(head, &limits).is_ok();
    let transaction = Transaction {
        generation: &generation,
        server: 0,
        id: 7,
        client: "192.0.2.1:5000".parse().unwrap(),
        client_text: "192.0.2.1",
        local: "192.0.2.2:80".parse().unwrap(),
        line: head.split(|byte| *byte == b'\r').next().unwrap_or_default(),
        request: is_request.then(|| parser.view(head)),
        status: 200,
        sent,
        received: 0,
        started: std::time::UNIX_EPOCH,
        elapsed: std::time::Duration::from_micros(2_345_678),
        endpoint: cluster.endpoints().first(),
        cluster: Some(cluster),
        tries: 2,
        upstream_status: 200,
        client_aborted: false,
    };
    let mut line = Vec::new();
    let mut stamp = Stamp::access();
    Format::compile(format)
        .unwrap()
        .run(&mut line, &mut Facts { transaction: &transaction, stamp: &mut stamp });
    String::from_utf8(line).unwrap()
}

#[test]
fn each_code_says_what_httpd_says() {
    let head = b"GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nUser-Agent: \\e\xc3\xa4\"\r\nEmpty:\r\n\r\n";
    let table = [
        ("%h %a %l %u %{remote}p", "192.0.2.1 192.0.2.1 - - 5000"),
        ("%A %p %{local}p", "192.0.2.2 80 80"),
        ("%m %U %q %H", r#"GET /a/b ?c=d HTTP/1.1"#),
        ("\"%r\" %>s %s", r#""GET /a/b?c=d HTTP/1.1" 200 200"#),
        ("%b %B %D %T %{ms}T %{us}T", "12 12 2345678 2 2345 2345678"),
        ("%{user-agent}i|%{Absent}i|%{Empty}i", r#"\\e\xc3\xa4\"|-|-"#),
        ("%v %{BALANCER_WORKER_NAME}e %{BALANCER_NAME}e", "main.example http://10.0.0.1:81 -"),
        ("%{endpoint}x %{cluster}x %{tries}x %{id}x %%", "10.0.0.1:81 - 2 7 %"),
    ];
    for (format, wanted) in table {
        assert_eq!(line(format, head, 12), wanted, "{format}");
    }
    assert!(line("%t", head, 0).starts_with('[') && line("%t", head, 0).ends_with(']'));
}

#[test]
fn a_malformed_request_has_a_line_but_nothing_else() {
    let wanted = r#""\x16\"bad" - -  - - - 0"#;
    assert_eq!(line("\"%r\" %m %U %q %H %{Host}i %b %B", b"\x16\"bad\r\n\r\n", 0), wanted);
}
