//! The round robin that ships, which is also the guide's example.

use mod_proxy_lb::proxy_lb_module;
use proxy_module::abi::{self, ArgKind, Bytes, scopes};
use proxy_module::{StaticModule, inventory};

use crate::fake_host::{Node, Running, Set, Trial, list, nowhere, request};

fn config() -> Node {
    Node::Map(vec![(
        "LBServerCluster",
        Node::Map(vec![("a", list(&["http://h:1", "http://h:2"])), ("b", list(&["http://h:3"]))]),
    )])
}

#[test]
fn record_says_what_the_module_is() {
    let module = &proxy_lb_module;
    assert_eq!(module.ident.to_str(), Ok("proxy_lb_module"));
    assert_eq!(module.flags, abi::flags::RUST | abi::flags::GUARDED);
    assert!(module.build.to_str().unwrap().starts_with("rustc "), "{:?}", module.build);
    // SAFETY: F2, the record says how many directives there are.
    let table = unsafe { std::slice::from_raw_parts(module.directives, module.ndirectives as usize) };
    let text = |bytes: Bytes<'static>| bytes.to_str().unwrap();
    assert_eq!(table.len(), 2);
    assert_eq!((text(table[0].name), text(table[0].field)), ("LBServerCluster", "clusters"));
    assert_eq!((table[0].args, table[0].scopes), (ArgKind::KEYED, scopes::SERVER));
    assert!(text(table[0].doc).starts_with("LBServerCluster NAME URL [weight=N]: adds a server"));
    assert_eq!(table[1].args, ArgKind::ROUTE);
    assert_eq!(table[1].scopes, scopes::SERVER | scopes::VHOST | scopes::LOCATION);
}

#[test]
fn module_is_in_the_list_of_compiled_in_ones() {
    let listed = inventory::iter::<StaticModule>;
    assert!(listed.into_iter().any(|module| std::ptr::eq(module.0.module(), &raw const proxy_lb_module)));
}

#[test]
fn clusters_are_made_of_the_directives_and_know_where_they_stand() {
    let config = config();
    let running = Running::begin(&proxy_lb_module, &config).unwrap();
    let (a, b) = (config.child(0).child(0), config.child(0).child(1));
    assert_eq!(
        *running.desk.clusters.borrow(),
        [("a".to_owned(), a.address()), ("b".to_owned(), b.address())]
    );
    let endpoints = running.desk.endpoints.borrow();
    assert_eq!(endpoints[1], (0, "http://h:2".to_owned(), a.child(1).address()));
    assert_eq!(endpoints[2], (1, "http://h:3".to_owned(), b.child(0).address()));
    let hook = running.hook("proxy.load_balance");
    assert_eq!(hook.key, "proxy_lb_module");
}

#[test]
fn each_request_begins_one_further_and_tries_each_usable_endpoint_once() {
    let running = Running::begin(&proxy_lb_module, &config()).unwrap();
    let set = Set::new(&running, 4, &[0, 2, 3]);
    let walk = || Trial::begin(&running, &request("/"), set.get()).unwrap().walk();
    assert_eq!([walk(), walk(), walk(), walk()], [[0, 2, 3], [2, 3, 0], [3, 0, 2], [0, 2, 3]]);
}

#[test]
fn clusters_have_turns_of_their_own() {
    let running = Running::begin(&proxy_lb_module, &config()).unwrap();
    let sets = [Set::new(&running, 2, &[0, 1]), Set::new(&running, 2, &[0, 1])];
    let first = |set: &Set| Trial::begin(&running, &request("/"), set.get()).unwrap().next().unwrap().index;
    let firsts: Vec<_> = (0..6).map(|turn| first(&sets[turn % 2])).collect();
    assert_eq!(firsts, [0, 0, 1, 1, 0, 0]);
}

#[test]
fn no_usable_endpoint_and_no_cluster_exhaust_at_once() {
    let running = Running::begin(&proxy_lb_module, &config()).unwrap();
    let none = Set::new(&running, 2, &[]);
    assert!(Trial::begin(&running, &request("/"), none.get()).unwrap().walk().is_empty());
    let nowhere = nowhere();
    assert!(Trial::begin(&running, &request("/"), &nowhere).unwrap().walk().is_empty());
}
