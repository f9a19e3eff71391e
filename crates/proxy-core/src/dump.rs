//! What `-S`, `-D DUMP_VHOSTS`, `-D DUMP_RUN_CFG` and `-L` print, in httpd's form. Pure: the text is the answer.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use proxy_abi::scopes;
use proxy_config::{Sources, Span};

use crate::conf::{LogTarget, ServerConf, VirtualAddr, VirtualServer};
use crate::directive::{args_of, core_directives, places, wanted};
use crate::module::ModuleCode;

/// Which virtual host answers for which address and name (`-D DUMP_VHOSTS`).
#[must_use]
pub fn virtual_hosts(conf: &ServerConf, sources: &Sources) -> String {
    let mut text = String::from("VirtualHost configuration:\n");
    let mut addrs: Vec<VirtualAddr> = Vec::new();
    for addr in conf.servers.iter().flat_map(|server| &server.addrs) {
        if !addrs.contains(addr) {
            addrs.push(*addr);
        }
    }
    for addr in addrs {
        let hosts: Vec<_> = conf.servers.iter().filter(|server| server.addrs.contains(&addr)).collect();
        let head = format!("{:<22}", addr.to_string());
        match hosts.as_slice() {
            [host] => {
                line(&mut text, format_args!("{head} {}", named(host, sources)));
                aliases(&mut text, host, "         ");
            }
            hosts => group(&mut text, &head, addr, hosts, sources),
        }
    }
    text
}

fn group(text: &mut String, head: &str, addr: VirtualAddr, hosts: &[&VirtualServer], sources: &Sources) {
    line(text, format_args!("{head} is a NameVirtualHost"));
    if let Some(first) = hosts.first() {
        line(text, format_args!("         default server {}", named(first, sources)));
    }
    let port = addr.port.map_or_else(|| "*".to_owned(), |port| port.to_string());
    for host in hosts {
        line(text, format_args!("         port {port} namevhost {}", named(host, sources)));
        aliases(text, host, "                 ");
    }
}

fn named(host: &VirtualServer, sources: &Sources) -> String {
    let name = host.name.as_deref().unwrap_or("(no ServerName)");
    match host.span {
        Some(span) => format!("{name} ({})", place(span, sources)),
        None => name.to_owned(),
    }
}

fn aliases(text: &mut String, host: &VirtualServer, indent: &str) {
    for alias in &host.aliases {
        let kind = if alias.contains(['*', '?']) { "wild alias" } else { "alias" };
        line(text, format_args!("{indent}{kind} {alias}"));
    }
}

fn place(span: Span, sources: &Sources) -> String {
    format!("{}:{}", sources.name(span.file), span.line)
}

/// Where the server keeps its things, and what is defined (`-D DUMP_RUN_CFG`).
#[must_use]
pub fn run_cfg(conf: &ServerConf, defines: &[(String, String)]) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("ServerRoot: \"{}\"", conf.server_root.display()));
    line(&mut text, format_args!("Main ErrorLog: \"{}\"", target(&conf.error_log).display()));
    if let Some(pid_file) = &conf.pid_file {
        line(&mut text, format_args!("PidFile: \"{}\"", pid_file.display()));
    }
    if let Some(socket) = &conf.admin_socket {
        line(&mut text, format_args!("AdminSocket: \"{}\"", socket.display()));
    }
    for (name, value) in defines {
        match value.as_str() {
            "" => line(&mut text, format_args!("Define: {name}")),
            value => line(&mut text, format_args!("Define: {name}={value}")),
        }
    }
    text
}

fn target(log: &LogTarget) -> &Path {
    match log {
        LogTarget::Stderr => Path::new("/dev/stderr"),
        LogTarget::Stdout => Path::new("/dev/stdout"),
        LogTarget::Off => Path::new("/dev/null"),
        LogTarget::File(path) => path,
    }
}

/// All directives, the core's and then each module's: owner, arguments, help, and where they are allowed (`-L`).
#[must_use]
pub fn directives(modules: &[Arc<dyn ModuleCode>]) -> String {
    let mut text = String::new();
    for directive in core_directives() {
        let name =
            if directive.is_section { format!("<{}", directive.name) } else { directive.name.to_owned() };
        entry(&mut text, &name, "core", wanted(directive.args), directive.help, directive.scopes);
    }
    for module in modules {
        let info = module.info();
        for directive in &info.directives {
            let args = args_of(directive.args).map_or("arguments of an unknown kind", wanted);
            entry(&mut text, &directive.name, &info.ident, args, &directive.doc, directive.scopes);
        }
    }
    text
}

fn entry(text: &mut String, name: &str, owner: &str, args: &str, help: &str, mask: u32) {
    line(text, format_args!("{name} ({owner})"));
    line(text, format_args!("\t{help}"));
    line(text, format_args!("\tTakes {args}"));
    let allowed = match mask {
        scopes::SERVER => "Allowed outside of all sections only".to_owned(),
        mask => format!("Allowed in {}", places(mask)),
    };
    line(text, format_args!("\t{allowed}"));
}

fn line(text: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{args}");
}
