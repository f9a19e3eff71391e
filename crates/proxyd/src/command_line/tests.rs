//! Tables: a command line, and what it asks for.

use super::*;
use crate::reload_verb::Reload;

fn parsed(line: &[&str]) -> Result<Command, Refused> {
    parse(std::iter::once("proxyd").chain(line.iter().copied()).map(str::to_owned))
}

fn options(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

fn check(verdict: bool, dumps: &[Dump]) -> Check {
    Check { dumps: dumps.to_vec(), verdict }
}

#[test]
fn flags_ask_for() {
    let root = || options(|o| o.root = Some("/srv".into()));
    let defines =
        |names: &[&str]| options(|o| o.defines = names.iter().map(|&name| name.to_owned()).collect());
    let none = Options::default;
    let table: Vec<(&[&str], Command)> = vec![
        (&[], Command::Run(none())),
        (&["run"], Command::Run(none())),
        (&["-T"], Command::Run(none())),
        (&["-d", "/srv"], Command::Run(root())),
        (&["-d/srv"], Command::Run(root())),
        (&["--root", "/srv"], Command::Run(root())),
        (&["--root=/srv"], Command::Run(root())),
        (&["run", "-d", "/srv"], Command::Run(root())),
        (&["-d", "/srv", "run"], Command::Run(root())),
        (&["-f", "a.conf"], Command::Run(options(|o| o.config = Some("a.conf".into())))),
        (&["-k", "start"], Command::Control(none(), Action::Start)),
        (&["-kgraceful-stop"], Command::Control(none(), Action::GracefulStop)),
        (&["-k", "restart", "-d", "/srv"], Command::Control(root(), Action::Restart)),
        (&["--detached", "-k", "start"], Command::Detached(none())),
        (&["-k", "stop", "-t"], Command::Check(none(), check(true, &[]))),
        (&["-X"], Command::Run(options(|o| o.debug = true))),
        (&["-e", "debug"], Command::Run(options(|o| o.startup_level = Some("debug".to_owned())))),
        (&["-E", "log"], Command::Run(options(|o| o.startup_log = Some("log".into())))),
        (
            &["-C", "Listen 1", "-c", "Listen 2", "-C", "Listen 3"],
            Command::Run(options(|o| {
                o.before = vec!["Listen 1".to_owned(), "Listen 3".to_owned()];
                o.after = vec!["Listen 2".to_owned()];
            })),
        ),
        (&["-D", "A", "-DB=c"], Command::Run(defines(&["A", "B=c"]))),
        (&["-t"], Command::Check(none(), check(true, &[]))),
        (&["--test"], Command::Check(none(), check(true, &[]))),
        (&["-td", "/srv"], Command::Check(root(), check(true, &[]))),
        (&["-M"], Command::Check(none(), check(false, &[Dump::Modules]))),
        (&["-S"], Command::Check(none(), check(false, &[Dump::VirtualHosts, Dump::RunConfig]))),
        (&["-t", "-D", "DUMP_HOOKS"], Command::Check(defines(&["DUMP_HOOKS"]), check(true, &[Dump::Hooks]))),
        (&["-D", "DUMP_MODULES"], Command::Check(defines(&["DUMP_MODULES"]), check(false, &[Dump::Modules]))),
        (&["-tDDUMP_VHOSTS"], Command::Check(defines(&["DUMP_VHOSTS"]), check(true, &[Dump::VirtualHosts]))),
        (&["-M", "--live", "a.sock"], Command::Live("a.sock".into(), vec![Dump::Modules])),
        (
            &["--live=a.sock", "-DDUMP_MODULES", "-DDUMP_HOOKS"],
            Command::Live("a.sock".into(), vec![Dump::Modules, Dump::Hooks]),
        ),
        (&["-l"], Command::ListCompiledIn),
        (&["-L"], Command::ListDirectives(none())),
        (&["-v"], Command::Version),
        (&["-V"], Command::Build),
        (&["demo"], Command::Demo { keep: false }),
        (&["demo", "--keep"], Command::Demo { keep: true }),
        (&["-d", "/srv", "reload"], Command::Reload(Reload { options: root(), socket: None, json: false })),
        (
            &["reload", "--socket", "a.sock", "--json"],
            Command::Reload(Reload { options: none(), socket: Some("a.sock".into()), json: true }),
        ),
    ];
    for (line, wanted) in table {
        assert_eq!(parsed(line), Ok(wanted), "{line:?}");
    }
}

#[test]
fn refusals_say_what_and_answer_a_code() {
    let table: &[(&[&str], u8, &str)] = &[
        (&["-h"], 1, "Usage: proxyd"),
        (&["--help"], 0, "Usage: proxyd"),
        (&["demo", "--help"], 0, "--keep"),
        (&["-Z"], 1, "unexpected argument '-Z'"),
        (&["-f"], 1, "'--config"),
        (&["--confg", "x"], 1, "--config"),
        (&["-k", "halt"], 1, "graceful-stop"),
        (&["-k", "stop", "run"], 2, "takes no verb"),
        (&["--detached"], 1, "-k"),
        (&["--live", "a.sock"], 1, "-D DUMP_MODULES"),
        (&["--live", "a.sock", "-S"], 1, "-D DUMP_MODULES"),
        (&["dmeo"], 2, "'demo'"),
        (&["-d", "/srv", "dmeo"], 2, "'demo'"),
        (&["demo", "--kep"], 2, "--keep"),
        (&["demo", "more"], 2, "unexpected argument 'more'"),
    ];
    for (line, code, part) in table {
        let refused = parsed(line).expect_err("refused");
        assert_eq!(refused.code, *code, "{line:?}: {}", refused.text);
        assert!(refused.text.contains(part), "{line:?}: {}", refused.text);
        assert_eq!(refused.to_stdout, *code == 0, "{line:?}");
    }
}

#[test]
fn a_define_may_have_a_value() {
    let options = options(|o| o.defines = vec!["A".to_owned(), "B=c=d".to_owned()]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(options.define_pairs(), [pair("A", ""), pair("B", "c=d")]);
    assert!(!options.one_executor() && !options.in_foreground());
}

#[test]
fn defines_of_httpd_keep_k_start_in_the_foreground() {
    for name in ["FOREGROUND", "NO_DETACH", "ONE_PROCESS"] {
        let options = options(|o| o.defines = vec![name.to_owned()]);
        assert!(options.in_foreground(), "{name}");
        assert_eq!(options.one_executor(), name == "ONE_PROCESS");
    }
    assert!(options(|o| o.debug = true).in_foreground());
}
