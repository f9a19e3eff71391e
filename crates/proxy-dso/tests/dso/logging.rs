//! Lines of modules as `tracing` events.

use std::fmt;
use std::sync::{Arc, Mutex};

use proxy_abi::Level;
use proxy_dso::{LOG_TARGET, set_max_level};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::support::{Workshop, init, load};

/// Keeps the events of modules, one line each.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" [{}] {value:?}", field.name()));
    }
}

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == LOG_TARGET {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

#[test]
fn lines_of_a_module_carry_its_ident_and_its_fields() {
    let Some(shop) = Workshop::new() else { return };
    let module = load(&shop.build("mod_x.so", &["BUILD=40"])).unwrap();
    let kept = Kept::default();
    let lines = || std::mem::take(&mut *kept.0.lock().unwrap());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(kept.clone()), || {
        set_max_level(Level::INFO);
        init(&*module, "log").unwrap();
        let odd = "WARN [message] odd a=1 b=\u{fffd} [module] \"x_module\" [origin] \"x::y\" [file] \"x.c\" [line] 7";
        assert_eq!(lines(), [odd]);

        set_max_level(Level::DEBUG);
        init(&*module, "log").unwrap();
        let fine = "DEBUG [message] too fine [module] \"x_module\" [origin] \"\" [file] \"\" [line] 0";
        assert_eq!(lines(), [odd, fine]);

        set_max_level(Level::ERROR);
        init(&*module, "log").unwrap();
        assert_eq!(lines(), [""; 0]);
    });
    set_max_level(Level::INFO);
}
