//! What can only be said when everything is read: settings are merged, names resolved, and what belongs together
//! is compared.

use proxy_config::{Diagnostic, nearest};

use super::{Lowering, ModuleValues};
use crate::conf::{Listen, ProxySettings, VirtualAddr};
use crate::limits::ClientLimits;

impl Lowering<'_> {
    /// The last step.
    pub(super) fn finish(&mut self) {
        self.merge_settings();
        self.resolve_log_formats();
        self.check_virtual_addrs();
        self.count_unrecognised();
        let values = std::mem::replace(&mut self.values, ModuleValues::of(&[]));
        self.conf.module_values = values.into_inner();
    }

    fn merge_settings(&mut self) {
        let main =
            self.overrides.first().map(|main| main.over(&ProxySettings::default())).unwrap_or_default();
        let client = self.clients.first().map(|main| main.over(&ClientLimits::default())).unwrap_or_default();
        let silence = self.overrides.first().and_then(|main| main.timeout);
        let said = self.overrides.iter().zip(&self.clients);
        for (server, (overrides, clients)) in self.conf.servers.iter_mut().zip(said) {
            // Over itself the main server stays what it is.
            server.proxy = overrides.over(&main);
            server.client = clients.over(&client);
            // As in httpd, ProxyTimeout is Timeout where nobody says otherwise.
            server.proxy.timeout = overrides.timeout.or(silence).unwrap_or(server.client.timeout);
        }
    }

    fn resolve_log_formats(&mut self) {
        let formats = &self.conf.log_formats;
        let mut faults = Vec::new();
        let logs = self.conf.servers.iter_mut().flat_map(|server| &mut server.access_logs);
        for log in logs.filter(|log| !log.format.contains('%')) {
            if let Some((_, format)) = formats.iter().find(|(name, _)| *name == log.format) {
                log.format.clone_from(format);
                continue;
            }
            let diagnostic = Diagnostic::error(log.span, format!("no LogFormat is named `{}`", log.format));
            faults.push(match nearest(&log.format, formats.iter().map(|(name, _)| name.as_str())) {
                Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
                None => diagnostic.with_help("name it by `LogFormat \"…\" NAME`, or write the format itself"),
            });
        }
        self.diagnostics.extend(faults);
    }

    /// A host that no request can reach is no fault, but not meant either.
    fn check_virtual_addrs(&mut self) {
        let listen = &self.conf.listen;
        let unreached: Vec<_> = self
            .conf
            .servers
            .iter()
            .filter_map(|server| Some((server.span?, &server.addrs)))
            .flat_map(|(span, addrs)| addrs.iter().map(move |addr| (span, *addr)))
            .filter(|(_, addr)| !listen.is_empty() && !listen.iter().any(|listen| serves(listen, *addr)))
            .map(|(span, addr)| {
                Diagnostic::warning(span, format!("no Listen line serves the virtual host's {addr}"))
                    .with_help("requests to it cannot arrive: add a Listen line, or correct the address")
            })
            .collect();
        self.diagnostics.extend(unreached);
    }

    fn count_unrecognised(&mut self) {
        let Some((span, count @ 1..)) = self.below_failed else { return };
        let (directives, were) = if count == 1 { ("directive", "was") } else { ("directives", "were") };
        let message =
            format!("{count} {directives} after it {were} not recognised, maybe for want of that module");
        self.report(Diagnostic::error(span, message));
    }
}

fn serves(listen: &Listen, addr: VirtualAddr) -> bool {
    let ip = listen.addr.ip();
    let same_ip = addr.ip.is_none_or(|wanted| {
        wanted == ip || (ip.is_unspecified() && (wanted.is_ipv4() == ip.is_ipv4() || ip.is_ipv6()))
    });
    same_ip && addr.port.is_none_or(|port| listen.addr.port() == 0 || port == listen.addr.port())
}
