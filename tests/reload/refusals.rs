//! What is wrong changes nothing, and is told with its place.

use std::net::TcpListener;

use super::{ask_reload, generation, number, start, with_socket};
use crate::support::origin::Origin;
use crate::support::process::run;

#[test]
fn whatever_is_wrong_leaves_the_old_generation_and_is_named_to_the_log_and_to_who_asked() {
    let origin = Origin::named("ok");
    let good = format!("ErrorLog error.log\nProxyPass / {}/\n", origin.url());
    let server = start(&good);
    let log = || std::fs::read_to_string(server.root().join("error.log")).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let own = server.addr().port();
    let table: &[(String, &str, &str)] = &[
        ("ProxyPass / nowhere\n".to_owned(), "nowhere", ":5:"),
        ("ProxyPas / http://a/\n".to_owned(), "Invalid command 'ProxyPas'", ":5:"),
        ("<VirtualHost *:80>\n".to_owned(), "VirtualHost", ":5:"),
        ("Timeout\n".to_owned(), "Timeout", ":5:"),
        (format!("Timeout {}\n", "9".repeat(5000)), "is not a duration", ":5:"),
        ("LoadModule x_module {root}/none.so\n".to_owned(), "none.so", ":5:"),
        ("Include none.conf\n".to_owned(), "none.conf", ":5:"),
        (format!("Listen {taken}\n"), "another program listens there", "line 5 of "),
        (format!("Listen 0.0.0.0:{own}\n"), "this server itself listens on", "line 5 of "),
        ("CustomLog no/such/dir/log common\n".to_owned(), "no/such/dir/log", ""),
        ("ErrorLog no/such/dir/log\n".to_owned(), "no/such/dir/log", ""),
        ("PidFile no/such/dir/pid\n".to_owned(), "no/such/dir/pid", ""),
    ];
    for (refused, (wrong, named, place)) in (1..).zip(table) {
        server.rewrite(&with_socket(&format!("{good}{wrong}")));
        let (status, body) = ask_reload(&server);
        assert!(matches!(status, 409 | 500), "{wrong}: {status} {body}");
        assert!(body.contains(named) && body.contains(place), "{wrong}: {body}");
        let log = log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("event=config_rejected")).collect();
        assert_eq!(lines.len(), refused, "{wrong}: {log}");
        assert!(lines[refused - 1].contains("generation 1 stays in force: "), "{log}");
        assert!(lines.iter().all(|line| line.len() < 800), "{wrong}: {log}");
        assert!(log.contains(named) && log.contains(place), "{wrong}: {log}");
        let page = generation(&server);
        assert_eq!((&page["number"], &page["live"]), (&1.into(), &1.into()), "{wrong}: {page}");
        assert_eq!(page["reloads"]["refused"], refused, "{page}");
        assert!(page["reloads"]["refusal"].as_str().unwrap().contains(named), "{page}");
        assert_eq!(server.get("/").text(), "ok", "{wrong}");
    }
    server.rewrite(&with_socket(&good));
    assert_eq!(ask_reload(&server).0, 200);
    let page = generation(&server);
    assert_eq!((&page["number"], &page["reloads"]["refusal"]), (&2.into(), &serde_json::Value::Null));
}

#[test]
fn a_listener_bound_for_a_refused_generation_is_closed_again() {
    let origin = Origin::named("ok");
    let good = format!("ProxyPass / {}/\n", origin.url());
    let server = start(&good);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    server.rewrite(&with_socket(&format!("Listen {addr}\nPidFile no/such/dir/pid\n{good}")));
    assert_eq!(ask_reload(&server).0, 409);
    assert!(std::net::TcpStream::connect(addr).is_err(), "somebody still listens");
    assert_eq!(number(&server), 1);
}

#[test]
fn the_verb_says_what_is_wrong_where_and_exits_1() {
    let origin = Origin::named("ok");
    let good = format!("ProxyPass / {}/\n", origin.url());
    let server = start(&good);
    let (root, file) = (server.root().display().to_string(), server.config().display().to_string());
    let socket = server.root().join("admin.sock").display().to_string();
    let by_config = ["reload", "-d", &root, "-f", &file];
    let done = run(by_config);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.starts_with("generation 2 is in force after "), "{}", done.stdout);
    assert!(done.stdout.contains("endpoints: 1 kept, 0 new, 0 gone"), "{}", done.stdout);
    server.rewrite(&with_socket("ProxyPas / x\n"));
    for args in [&by_config[..], &["reload", "--socket", &socket]] {
        let refused = run(args.iter().copied());
        assert_eq!((refused.code, &*refused.stdout), (Some(1), ""), "{}", refused.stderr);
        let said = refused.stderr;
        assert!(said.contains("the reload was refused, and nothing is changed"), "{said}");
        assert!(said.contains("Invalid command 'ProxyPas'") && said.contains(":3:1"), "{said}");
        assert!(said.contains(&file), "{said}");
    }
    let refused = run(["reload", "--json", "--socket", &socket]);
    let value: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((refused.code, &value["reloaded"]), (Some(1), &false.into()));
}

#[test]
fn the_verb_says_plainly_that_no_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    let nobody = run(["reload", "--socket", socket.to_str().unwrap()]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("no server answers at "), "{}", nobody.stderr);
    let config = dir.path().join("proxyd.conf");
    std::fs::write(&config, "Listen 127.0.0.1:0\n").unwrap();
    let none = run(["reload", "-f", config.to_str().unwrap()]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("the configuration has no AdminSocket"), "{}", none.stderr);
    assert_eq!(run(["reload", "now"]).code, Some(2));
}
