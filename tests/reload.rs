//! Reload: what changes and what does not while requests, tunnels and downloads are under way, and that what is wrong
//! changes nothing.

mod asking;
mod refusals;
mod requests;
mod resources;
mod storm;

use serde_json::Value;

use crate::support::admin::{ask, json, socket};
use crate::support::server::Server;

/// With the admin socket that all of these tests ask at.
fn start(text: &str) -> Server {
    Server::conf(&with_socket(text))
}

fn with_socket(text: &str) -> String {
    format!("AdminSocket admin.sock\n{text}")
}

/// Asks for a reload: the status, and the answer.
fn ask_reload(server: &Server) -> (u16, String) {
    let (head, body) = ask(&socket(server), "POST", "/reload");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{head}")), body)
}

/// Reloads another configuration, which is a good one.
fn reload(server: &Server, text: &str) -> String {
    server.rewrite(&with_socket(text));
    let (status, body) = ask_reload(server);
    assert_eq!(status, 200, "{body}");
    body
}

/// The page about generations.
fn generation(server: &Server) -> Value {
    json(server, "/generation")
}

/// The number of the generation in force.
fn number(server: &Server) -> u64 {
    generation(server)["number"].as_u64().unwrap()
}
