//! From what servers say to what requests are compared with.

use proxy_config::Diagnostic;

use super::{Clusters, Entry, HostGroup, Place, Renames, ReverseRule, Route, Server, Servers};
use crate::conf::{
    CookieRule, Location, MapTarget, Mapping, Reverse, ServerConf, VirtualAddr, VirtualServer,
};
use crate::origin::Origin;
use crate::path::has_prefix;

pub(super) fn compile(conf: &ServerConf, clusters: &mut dyn Clusters) -> Result<Servers, Vec<Diagnostic>> {
    let servers = &*conf.servers;
    let mut compiler = Compiler { clusters, faults: Vec::new() };
    // Each line is resolved once, however many servers have it.
    let parts: Vec<_> = servers.iter().map(|server| compiler.part(server)).collect();
    if !compiler.faults.is_empty() {
        return Err(compiler.faults);
    }
    let nothing = Part::default();
    let compiled = servers.iter().zip(&parts).enumerate().map(|(number, (server, own))| {
        // A virtual host has what the main server has, and has it first.
        let base = if number == 0 { &nothing } else { parts.first().unwrap_or(&nothing) };
        assemble(number, server, base, own)
    });
    let mut compiled: Vec<Server> = compiled.collect();
    let mut groups = groups(servers);
    if conf.strict_hosts {
        refuse_strangers(&mut compiled, &mut groups);
    }
    Ok(Servers { servers: compiled, groups })
}

/// Gives each group somebody who takes the hosts that are none of its members', with the limits of its first member.
/// Where no virtual host has the address, the main server is a group by itself.
fn refuse_strangers(servers: &mut Vec<Server>, groups: &mut Vec<HostGroup>) {
    let anywhere = VirtualAddr { ip: None, port: None };
    if groups.iter().all(|group| group.addr != anywhere) {
        groups.push(HostGroup { addr: anywhere, members: vec![0], nobody: None });
    }
    for group in groups {
        let Some(first) = group.members.first().and_then(|first| servers.get(*first)) else { continue };
        let nobody = nobody(first);
        group.nobody = Some(servers.len());
        servers.push(nobody);
    }
}

fn nobody(first: &Server) -> Server {
    Server {
        number: first.number,
        name: first.name.clone(),
        aliases: Vec::new(),
        is_nobody: true,
        client: first.client.clone(),
        settings: first.settings.clone(),
        locations: Vec::new(),
        mappings: Vec::new(),
        reverse: Renames::default(),
    }
}

struct Compiler<'c> {
    clusters: &'c mut dyn Clusters,
    faults: Vec<Diagnostic>,
}

/// What one server says itself, resolved.
#[derive(Default)]
struct Part<'s> {
    locations: Vec<(&'s Location, Renames)>,
    located: Vec<Entry>,
    mappings: Vec<Entry>,
    reverse: Renames,
}

impl Compiler<'_> {
    fn part<'s>(&mut self, server: &'s VirtualServer) -> Part<'s> {
        let mut part = Part::default();
        for location in &server.locations {
            part.located.extend(location.mappings.iter().filter_map(|mapping| self.entry(mapping)));
            part.locations.push((location, self.renames(&location.reverse, &location.cookies)));
        }
        part.mappings.extend(server.mappings.iter().filter_map(|mapping| self.entry(mapping)));
        part.reverse = self.renames(&server.reverse, &server.cookies);
        part
    }

    fn entry(&mut self, mapping: &Mapping) -> Option<Entry> {
        let prefix = mapping.prefix.clone();
        match self.clusters.destination(&mapping.target, mapping.span) {
            Ok(None) => Some(Entry { prefix, route: None }),
            Ok(Some(destination)) => {
                let replace = match &mapping.target {
                    MapTarget::Exclude => None,
                    MapTarget::Origin { path, .. } => Some(path.clone().into_bytes()),
                    MapTarget::Cluster { path, .. } => path.clone().map(String::into_bytes),
                };
                let route = Route { destination, prefix: prefix.clone(), replace, span: mapping.span };
                Some(Entry { prefix, route: Some(route) })
            }
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }

    fn renames(&mut self, lines: &[Reverse], cookies: &[CookieRule]) -> Renames {
        Renames { places: self.places(lines), cookies: cookies.to_vec() }
    }

    fn places(&mut self, lines: &[Reverse]) -> Vec<ReverseRule> {
        let mut rules = Vec::new();
        for line in lines {
            let rule = |internal: String| ReverseRule { internal, public: line.path.clone() };
            let Some(rest) = line.url.strip_prefix("balancer://") else {
                rules.push(rule(line.url.clone()));
                continue;
            };
            let (cluster, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            match self.clusters.origins(cluster, line.span) {
                Ok(origins) => {
                    rules.extend(
                        origins.iter().flat_map(spellings).map(|origin| rule(format!("{origin}{path}"))),
                    );
                }
                Err(fault) => self.faults.push(fault),
            }
        }
        rules
    }
}

/// The ways in which an endpoint may write its own URL: port 80 may be left out.
fn spellings(origin: &Origin) -> Vec<String> {
    let short = format!("http://{}", origin.authority());
    let full = origin.url();
    if short == full { vec![full] } else { vec![short, full] }
}

fn assemble(number: usize, server: &VirtualServer, base: &Part<'_>, own: &Part<'_>) -> Server {
    let all = [base, own];
    let locations: Vec<_> = all.iter().flat_map(|part| &part.locations).collect();
    let mut reverse = base.reverse.clone();
    reverse.extend(&own.reverse);
    let mut places: Vec<Place> = Vec::new();
    for (location, _) in &locations {
        if !places.iter().any(|place| place.path == location.path) {
            places.push(place(server, &location.path, &locations, &reverse));
        }
    }
    // Of the paths that hold a request the longest is below all others.
    places.sort_by_key(|place| std::cmp::Reverse(place.path.len()));
    let located = all.iter().flat_map(|part| part.located.iter().cloned());
    let mappings = all.iter().flat_map(|part| part.mappings.iter().cloned());
    Server {
        number,
        name: server.name.clone(),
        aliases: server.aliases.clone(),
        is_nobody: false,
        client: server.client.clone(),
        settings: server.proxy.clone(),
        locations: places,
        mappings: located.chain(mappings).collect(),
        reverse,
    }
}

/// What holds at `path`: the server's, and over it what each Location says that holds the path, in file order.
fn place(server: &VirtualServer, path: &[u8], locations: &[&(&Location, Renames)], base: &Renames) -> Place {
    let mut place = Place { path: path.to_vec(), settings: server.proxy.clone(), reverse: base.clone() };
    for (location, reverse) in locations.iter().filter(|(location, _)| has_prefix(path, &location.path)) {
        place.settings = location.proxy.over(&place.settings);
        place.reverse.extend(reverse);
    }
    place
}

fn groups(servers: &[VirtualServer]) -> Vec<HostGroup> {
    let mut groups: Vec<HostGroup> = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        for addr in &server.addrs {
            match groups.iter_mut().find(|group| group.addr == *addr) {
                Some(group) if group.members.contains(&number) => {}
                Some(group) => group.members.push(number),
                None => groups.push(HostGroup { addr: *addr, members: vec![number], nobody: None }),
            }
        }
    }
    groups.sort_by_key(HostGroup::rank);
    groups
}
