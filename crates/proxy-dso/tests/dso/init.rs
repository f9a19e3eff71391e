//! `init`, what it registers, and `fini`.

use std::sync::Arc;

use proxy_core::caller::Caller;
use proxy_core::module::ModuleCode;
use proxy_core::registration::Registration;
use proxy_core::value::{Value, ValueKind};

use crate::support::{Workshop, complaint, config, init, load};

fn module(build: &str) -> Option<Arc<dyn ModuleCode>> {
    let shop = Workshop::new()?;
    Some(load(&shop.build("mod_x.so", &[build])).unwrap())
}

#[test]
fn the_words_of_init_reach_the_operator_with_their_place() {
    let Some(module) = module("BUILD=30") else { return };
    let error = init(&*module, "fail").unwrap_err();
    assert_eq!((&*error.message, error.span), ("this is wrong", None));
    let here = config("fail here");
    let error = module.init(&Caller::new(0), &here, &mut Registration::default()).unwrap_err();
    assert_eq!(error.message, "this is wrong here");
    let span = error.span.unwrap();
    assert_eq!((span.line, span.column), (1, 4));
    assert_eq!(Some(span), here.get("Do").unwrap().span);
}

#[test]
fn an_error_without_words_gets_some() {
    let Some(module) = module("BUILD=31") else { return };
    assert_eq!(complaint(&*module, "fail silently"), "init failed without saying why");
    assert_eq!(complaint(&*module, "panic"), "panicked in init");
    assert_eq!(complaint(&*module, "decline"), "init answered DECLINED, which is neither OK nor ERROR");
}

#[test]
fn values_have_their_shapes() {
    let Some(module) = module("BUILD=32") else { return };
    let inner = Value { span: None, kind: ValueKind::List(Vec::new()) };
    let config = Value { span: None, kind: ValueKind::Map(vec![("Do".to_owned(), inner)]) };
    let error = module.init(&Caller::new(0), &config, &mut Registration::default()).unwrap_err();
    assert_eq!(error.message, "Do is no text");
    assert!(module.init(&Caller::new(0), &Value::empty_map(), &mut Registration::default()).is_ok());
}

#[test]
fn what_is_registered_reaches_the_core() {
    let Some(module) = module("BUILD=33") else { return };
    let mut registration = Registration::default();
    let _instance = module.init(&Caller::new(0), &config("register"), &mut registration).unwrap();
    let registered = format!("{registration:?}");
    for part in [
        "DeclaredHook { name: \"com.example.x\", kind: HookKind(1), sig: 42, doc: \"an example\", layout: \"com.example.x/1\" }",
        "ImplementedHook { name: \"com.example.x\", order: 10, key: \"\", before: [\"y_module\", \"z_module\"], after: [], sig: 42",
        "scratch_size: 64",
        "DeclaredCluster { name: \"made\", span: Some(Span",
        "a.example",
    ] {
        assert!(registered.contains(part), "{part} is not in {registered}");
    }
}

#[test]
fn a_registration_that_failed_refuses_the_module_whatever_init_answers() {
    let Some(module) = module("BUILD=34") else { return };
    let error = init(&*module, "clusters").unwrap_err();
    assert_eq!(error.message, "cluster 'a' is made twice: use another name");
    assert_eq!(error.span.unwrap().column, 4);
    let error = init(&*module, "swallow").unwrap_err();
    assert_eq!(
        error.message,
        "registered something wrongly: 'no name' cannot name a cluster: use letters, digits, '-', '_' and '.'"
    );
    assert_eq!(error.span.unwrap().column, 4);
    assert_eq!(
        complaint(&*module, "count"),
        "build 34, 3 inits, 1 finis",
        "OK is followed by fini, ERROR is not"
    );
}

#[test]
fn records_that_break_the_contract_are_refused() {
    let Some(module) = module("BUILD=35") else { return };
    assert_eq!(
        complaint(&*module, "null hook"),
        "init answered ABI, which is neither OK nor ERROR: com.example.x is implemented by a null function"
    );
    assert_eq!(
        complaint(&*module, "short hook"),
        "init answered ABI, which is neither OK nor ERROR: a HookImpl of 16 bytes was handed in, it has 96"
    );
}

#[test]
fn a_registrar_that_was_kept_is_worth_nothing() {
    let Some(module) = module("BUILD=36") else { return };
    let kept = Box::new(config("keep"));
    let _instance = module.init(&Caller::new(0), &kept, &mut Registration::default()).unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| complaint(&*module, "use kept"));
        assert_eq!(other.join().unwrap(), "status -3");
    });
}

#[test]
fn fini_comes_exactly_once_for_each_instance() {
    let Some(module) = module("BUILD=37") else { return };
    let first = init(&*module, "ok").unwrap();
    let second = init(&*module, "ok").unwrap();
    assert_eq!(complaint(&*module, "count"), "build 37, 3 inits, 0 finis");
    drop(first);
    assert_eq!(complaint(&*module, "count"), "build 37, 4 inits, 1 finis");
    drop(second);
    assert_eq!(complaint(&*module, "fail"), "this is wrong");
    assert_eq!(complaint(&*module, "count"), "build 37, 6 inits, 2 finis");
}

#[test]
fn what_a_module_does_not_want_may_be_null() {
    let Some(module) = module("BUILD=38") else { return };
    assert_eq!(complaint(&*module, "nulls"), "no error");
    assert_eq!(
        complaint(&*module, "null decl"),
        "init answered ABI, which is neither OK nor ERROR: null was handed in for a ClusterDecl"
    );
    assert_eq!(complaint(&*module, "empty blob"), "a blob of no bytes at all");
}
