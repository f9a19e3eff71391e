//! `proxyd module trace`: what modules are asked and answer in a running server, request by request.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::admin::{self, End};
use crate::command_line::Options;
use crate::output::{self, Messages};
use crate::{Ended, configuration, introspection};

/// Which server, and what of it.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    #[command(flatten)]
    pub(crate) options: Options,
    /// The server whose AdminSocket this is, instead of that of the configuration
    #[arg(long, value_name = "SOCKET")]
    pub(crate) live: Option<PathBuf>,
    /// Only requests that call this hook, and only the calls that lead there
    #[arg(long, value_name = "HOOK")]
    pub(crate) hook: Option<String>,
    /// Only the request of this number, as the logs have it; it must begin while it is waited for
    #[arg(long, value_name = "ID")]
    pub(crate) request: Option<u64>,
    /// End after so many requests, instead of at Ctrl-C
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Print JSON, a line for each request
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints requests until there have been enough; unclean if the server ends first.
pub(crate) fn run(trace: &Trace) -> Ended {
    let socket = match socket(trace) {
        Ok(socket) => socket,
        Err(ended) => return ended,
    };
    match admin::stream(&socket, &trace.target(), || introduce(&socket), output::is_read) {
        Ok(End::Whole | End::Unread) => Ended::Well,
        Ok(End::Cut) => {
            Messages::Stderr.say("proxyd: the server has ended");
            Ended::Unclean
        }
        Err(text) => fail(&text),
    }
}

fn introduce(socket: &Path) {
    let socket = socket.display();
    Messages::Stderr.say(format_args!("tracing the requests of the server at {socket}; Ctrl-C ends it"));
}

fn fail(text: &str) -> Ended {
    Messages::Stderr.say(format_args!("proxyd: {text}"));
    Ended::NotStarted
}

/// The one given, or that of the configuration.
fn socket(trace: &Trace) -> Result<PathBuf, Ended> {
    if let Some(socket) = &trace.live {
        return Ok(socket.clone());
    }
    let messages = introspection::messages(&trace.options)?;
    let configured = configuration::read(&trace.options, &messages)?;
    configured.conf.admin_socket.ok_or_else(|| {
        fail("the configuration has no AdminSocket: add one and start the server with it, or name one with --live")
    })
}

impl Trace {
    fn target(&self) -> String {
        let mut target = format!("/trace?format={}", if self.json { "json" } else { "text" });
        if let Some(hook) = &self.hook {
            target.push_str("&hook=");
            push_encoded(&mut target, hook);
        }
        for (key, number) in [("request", self.request), ("count", self.count)] {
            if let Some(number) = number {
                let _ = write!(target, "&{key}={number}");
            }
        }
        target
    }
}

/// As RFC 3986 section 2.1 has it, so that no name ends the request line.
fn push_encoded(target: &mut String, name: &str) {
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            target.push(byte.into());
        } else {
            let _ = write!(target, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_says_what_is_wanted() {
        let mut trace = Trace {
            options: Options::default(),
            live: None,
            hook: None,
            request: None,
            count: None,
            json: false,
        };
        assert_eq!(trace.target(), "/trace?format=text");
        (trace.hook, trace.request, trace.count) = (Some("a.b c\r\n".to_owned()), Some(7), Some(2));
        trace.json = true;
        assert_eq!(trace.target(), "/trace?format=json&hook=a.b%20c%0D%0A&request=7&count=2");
    }
}
