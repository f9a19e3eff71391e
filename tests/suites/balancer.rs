//! What httpd's t/modules/proxy_balancer.t does with its balancer-manager, by the means of proxyd: the admin socket to
//! look, the configuration and a reload to change.

use super::resources;
use crate::support::admin::{ask, json, socket};
use crate::support::config::Syntax;
use crate::support::ports::Refused;
use crate::support::server::{Server, Setup};
use crate::support::told::figure;

/// The cluster of the source with these members.
fn conf(members: &[&str]) -> String {
    let members: String = members.iter().map(|addr| format!("BalancerMember http://{addr}\n")).collect();
    format!(
        "AdminSocket admin.sock\n{{lb}}\n<Proxy balancer://dynproxy>\n{members}</Proxy>\n\
         LBMethod dynproxy proxy_lb_module\nProxyPass /dynproxy balancer://dynproxy/\n"
    )
}

fn endpoints(server: &Server) -> usize {
    json(server, "/clusters")["clusters"][0]["endpoints"].as_array().unwrap().len()
}

#[test]
fn suite_httpd_proxy_balancer_manager() {
    let (refused, origin) = (Refused::new(), resources::origin());
    let (refused, added) = (refused.addr().to_string(), origin.addr().to_string());
    let empty = Setup::new(Syntax::Conf, &conf(&[])).check(&["-t"]);
    assert!(
        empty.code == Some(1) && empty.stderr.contains("'dynproxy' has no BalancerMember"),
        "{}",
        empty.stderr
    );

    let server = Server::conf(&conf(&[&refused]));
    let (head, page) = ask(&socket(&server), "GET", "/clusters");
    assert!(head.starts_with("HTTP/1.1 200") && page.contains("dynproxy"), "{head}\n{page}");

    let (head, _) = ask(&socket(&server), "POST", "/clusters");
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
    assert_eq!(endpoints(&server), 1);

    assert_eq!(server.get("/dynproxy").status, 503);
    server.rewrite(&conf(&[&refused, &added]));
    let (head, body) = ask(&socket(&server), "POST", "/reload");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
    assert_eq!((endpoints(&server), server.get("/dynproxy").status), (2, 200));

    figure(format_args!("httpd proxy_balancer.t, the manager: as expected, but for"));
    figure(format_args!(
        "  empty cluster: it is an error of the configuration here, not a 503 at the first request"
    ));
    figure(format_args!(
        "  a change without a Referer: 200 is 405 here, no page changes a cluster, the configuration does"
    ));
}
