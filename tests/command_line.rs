//! The command line: httpd's flags, what they print and where, and exit codes.

use std::fs;
use std::process::Command;

use crate::support::config::{Syntax, is_static};
use crate::support::modules::proxy_lb;
use crate::support::origin::Origin;
use crate::support::process::{Run, command, run};
use crate::support::server::Setup;

/// A configuration with the round robin and a few servers.
fn setup() -> Setup {
    Setup::new(
        Syntax::Conf,
        "ServerName main.example
{lb}
<IfModule mod_proxy_lb.c>
LBServerCluster cluster1 http://127.0.0.1:8081
LBProxyPass /snoop cluster1
</IfModule>
<VirtualHost *:*>
ServerName one.example
ServerAlias alias.example
</VirtualHost>
",
    )
}

#[test]
fn t_says_syntax_ok_on_standard_error_and_exits_0() {
    let run = setup().check(&["-t"]);
    assert_eq!((run.code, run.stderr.as_str(), run.stdout.as_str()), (Some(0), "Syntax OK\n", ""));
}

#[test]
fn t_exits_1_when_something_is_wrong_and_says_all_of_it() {
    let run = Setup::new(Syntax::Conf, "Executors none\nNoSuchDirective\nMaxTries -1\n").check(&["-t"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    let errors = run.stderr.lines().filter(|line| line.starts_with("proxyd: Syntax error on line")).count();
    assert_eq!(errors, 3, "{}", run.stderr);
    assert!(!run.stderr.contains("Syntax OK"));
}

#[test]
fn t_opens_no_socket_and_resolves_no_name() {
    // The port is taken, and the name does not exist: starting would fail, checking does not look.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!("Listen {}\nProxyPass / http://nosuchhost.invalid/\n", taken.local_addr().unwrap());
    let setup = Setup::verbatim(Syntax::Conf, &text);
    assert_eq!(setup.check(&["-t"]).code, Some(0));
    let started = setup.check(&[]);
    assert_eq!(started.code, Some(1), "{started:?}");
    assert!(started.stderr.contains(&taken.local_addr().unwrap().to_string()), "{started:?}");
}

#[test]
fn m_lists_modules_in_load_order() {
    for flags in [&["-M"][..], &["-t", "-D", "DUMP_MODULES"]] {
        let run = setup().check(flags);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stdout.starts_with("Loaded Modules:\n"), "{run:?}");
        let kind = if is_static() { "static" } else { "shared" };
        assert!(run.stdout.contains(&format!(" proxy_lb_module ({kind})\n")), "{run:?}");
    }
}

#[test]
fn s_shows_virtual_hosts_and_the_run_configuration() {
    let setup = setup();
    for flags in [&["-S"][..], &["-t", "-D", "DUMP_VHOSTS"]] {
        let run = setup.check(flags);
        assert_eq!(run.code, Some(0), "{run:?}");
        let place = format!("{}:", setup.config().display());
        for part in ["one.example", "alias.example", place.as_str()] {
            assert!(run.stdout.contains(part), "`{part}` is not in\n{}", run.stdout);
        }
    }
    let run = setup.check(&["-S", "-D", "NAME=value"]);
    for part in [&format!("ServerRoot: \"{}\"", setup.root().display()), "Define: NAME"] {
        assert!(run.stdout.contains(part), "`{part}` is not in\n{}", run.stdout);
    }
}

#[test]
fn dump_hooks_shows_declarers_and_implementers() {
    let run = setup().check(&["-t", "-D", "DUMP_HOOKS"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for hook in [
        "proxy.post_read_request",
        "proxy.access_checker",
        "proxy.fixups",
        "proxy.load_balance",
        "proxy.response_head",
        "proxy.log_transaction",
    ] {
        assert!(run.stdout.contains(hook), "{hook}:\n{}", run.stdout);
    }
    assert!(run.stdout.contains("proxy_lb_module"), "{}", run.stdout);
}

#[test]
fn l_lists_what_is_compiled_in() {
    let run = run(["-l"]);
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.starts_with("Compiled in modules:\n  core\n"), "{run:?}");
    assert_eq!(run.stdout.contains("  proxy_lb_module\n"), is_static(), "{run:?}");
}

#[test]
fn upper_l_lists_directives_those_of_loaded_modules_too() {
    let run = setup().check(&["-L"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for name in ["Listen", "ProxyPass", "LBMethod", "LoadModule", "LBServerCluster", "LBProxyPass"] {
        assert!(run.stdout.lines().any(|line| line.starts_with(name)), "{name}:\n{}", run.stdout);
    }
    // One line each, and what it owes the reader: who defines it, what it does, where it may stand.
    assert!(run.stdout.contains("proxy_lb_module"), "{}", run.stdout);
}

#[test]
fn v_and_upper_v_tell_the_version() {
    let version = run(["-v"]);
    assert_eq!(version.code, Some(0));
    assert!(version.stdout.starts_with("Server version: proxyd/0."), "{version:?}");
    let build = run(["-V"]);
    assert_eq!(build.code, Some(0));
    assert!(build.stdout.starts_with(&version.stdout), "{build:?}");
    assert!(build.stdout.contains("Module ABI: 0.1\n"), "{build:?}");
}

#[test]
fn h_and_bad_options_print_the_usage_on_standard_error_and_exit_1() {
    for args in [&["-h"][..], &["-Z"], &["--no-such-option"]] {
        let run = run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{args:?}: {run:?}");
        assert!(run.stderr.contains("Usage: proxyd"), "{args:?}: {run:?}");
    }
}

#[test]
fn a_wrong_verb_exits_2_so_that_nobody_restarts_it() {
    for args in [&["no-such-verb"][..], &["demo", "--no-such-option"]] {
        let run = run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}: {run:?}");
        assert!(run.stderr.contains("Usage: proxyd"), "{args:?}: {run:?}");
    }
}

#[test]
fn upper_c_acts_before_the_file_and_c_after_it() {
    let setup = Setup::new(Syntax::Conf, "ProxyPass /b ${target}\n");
    let before = setup.check(&["-t", "-C", "Define target http://127.0.0.1:1"]);
    assert_eq!(before.code, Some(0), "{before:?}");
    let after = setup.check(&["-t", "-c", "Define target http://127.0.0.1:1"]);
    assert_eq!(after.code, Some(1), "{after:?}");
    let wrong = Setup::new(Syntax::Conf, "").check(&["-t", "-c", "Executors none"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.starts_with("proxyd: Syntax error in -C/-c directive: "), "{wrong:?}");
}

#[test]
fn c_adds_routes_to_a_running_server() {
    let origin = Origin::named("ok");
    let server =
        Setup::new(Syntax::Conf, "").args(&["-c", &format!("ProxyPass / {}/", origin.url())]).start();
    assert_eq!(server.get("/").text(), "ok");
}

#[test]
fn d_defines_names_for_ifdefine_and_variables() {
    let setup = Setup::new(
        Syntax::Conf,
        "<IfDefine BROKEN>\nNoSuchDirective\n</IfDefine>\n<IfDefine !FINE>\nError \"not fine\"\n</IfDefine>\n",
    );
    assert_eq!(setup.check(&["-t", "-D", "FINE"]).code, Some(0));
    let run = setup.check(&["-t"]);
    assert!(run.code == Some(1) && run.stderr.contains("not fine"), "{run:?}");
    let run = setup.check(&["-t", "-D", "FINE", "-D", "BROKEN"]);
    assert!(run.code == Some(1) && run.stderr.contains("NoSuchDirective"), "{run:?}");
    let variable = Setup::new(Syntax::Conf, "Executors ${COUNT}\n");
    assert_eq!(variable.check(&["-t", "-D", "COUNT=2"]).code, Some(0));
    assert_eq!(variable.check(&["-t", "-D", "COUNT=two"]).code, Some(1));
}

#[test]
fn d_names_the_root_whose_conf_proxyd_conf_is_read() {
    let setup = setup();
    fs::create_dir(setup.root().join("conf")).unwrap();
    fs::write(setup.root().join("conf/proxyd.conf"), "Listen 127.0.0.1:0\nInclude conf/more.conf\n").unwrap();
    fs::write(
        setup.root().join("conf/more.conf"),
        "<VirtualHost *:*>\nServerName found.example\n</VirtualHost>\n",
    )
    .unwrap();
    let run = run(["-d", &setup.root().display().to_string(), "-S"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("found.example"), "{run:?}");
}

#[test]
fn proxyd_conf_in_the_environment_names_the_file_when_no_flag_does() {
    let setup = setup();
    let mut command = command(None);
    command.arg("-t").env("PROXYD_CONF", setup.config()).current_dir("/");
    let run = Run::from(command.output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "Syntax OK\n"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let run = run(["-t", "-f", "/no/such/proxyd.conf"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("/no/such/proxyd.conf"), "{run:?}");
}

#[test]
fn x_serves_with_one_executor() {
    let origin = Origin::named("ok");
    let mut server = Setup::new(Syntax::Conf, &format!("Executors 4\nProxyPass / {}/\n", origin.url()))
        .args(&["-X"])
        .start();
    assert!(server.wait_for_log("listening on ").contains("1 executor,"), "{}", server.log());
    assert_eq!(server.get("/").text(), "ok");
}

#[test]
fn e_writes_messages_of_the_start_into_a_file() {
    let setup = Setup::new(Syntax::Conf, "NoSuchDirective\n");
    let file = setup.root().join("start.log");
    let run = setup.check(&["-t", "-E", &file.display().to_string()]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{run:?}");
    assert!(fs::read_to_string(&file).unwrap().contains("NoSuchDirective"));
}

#[test]
fn an_option_without_its_value_exits_1_and_is_named() {
    let run = run(["-f"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.stderr.starts_with("proxyd: ") && run.stderr.contains("--config"), "{run:?}");
}

#[test]
fn a_result_that_cannot_be_written_is_no_success() {
    let empty = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for flag in ["-L", "-v", "-V", "-l", "--help"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let run = Run::from(command(None).arg(flag).current_dir(empty.path()).stdout(full).output().unwrap());
        assert_eq!(run.code, Some(1), "{flag}: {run:?}");
        assert!(
            run.stderr.starts_with("proxyd: standard output cannot be written: No space"),
            "{flag}: {run:?}"
        );
    }
}

#[test]
fn a_configuration_is_a_regular_file_or_dev_null() {
    let setup = setup();
    let fifo = setup.root().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    let (root, fifo) = (setup.root().to_str().unwrap(), fifo.to_str().unwrap());
    for (args, path) in
        [(["-f", fifo], fifo), (["-C", "Include fifo"], "fifo"), (["-f", "/dev/zero"], "/dev/zero")]
    {
        let run = run(["-t", "-d", root].iter().chain(&args));
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains(path), "{run:?}");
        assert!(run.stderr.contains("; a configuration is a regular file, or /dev/null"), "{run:?}");
    }
    let run = run(["-t", "-d", root, "-C", "Listen 127.0.0.1:0", "-f", "/dev/null"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "Syntax OK\n"), "{run:?}");
}

#[test]
fn the_demo_shows_a_failover_in_which_no_request_fails() {
    // A tree as it is installed, since the demo loads the module that lies beside its program.
    let tree = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(tree.path().join("bin")).unwrap();
    let program = tree.path().join("bin/proxyd");
    fs::copy(crate::support::process::program(), &program).unwrap();
    if !is_static() {
        fs::create_dir(tree.path().join("modules")).unwrap();
        fs::copy(proxy_lb(), tree.path().join("modules/mod_proxy_lb.so")).unwrap();
    }
    let run = Run::from(Command::new(&program).arg("demo").current_dir("/").output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    for part in ["LBServerCluster", "LBProxyPass /snoop", "<IfModule mod_proxy_lb.c>"] {
        assert!(run.stdout.contains(part), "`{part}` is not in\n{}", run.stdout);
    }
    let load_module = run.stdout.contains("LoadModule proxy_lb_module modules/mod_proxy_lb.so");
    assert_eq!(load_module, !is_static(), "{}", run.stdout);
    let line = run.stdout.lines().find(|line| line.contains(" answered with 200")).unwrap();
    let numbers: Vec<u32> = line.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] >= 50 && numbers[0] == numbers[1], "{line}");
}
