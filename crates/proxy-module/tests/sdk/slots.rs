//! A slot finds the state of its own instance's objects and never anything in another's memory.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use proxy_module::prelude::*;

use crate::fake_host::{Node, Running, Set, Trial, request};

/// Where the module keeps what it should not: past its instance, and past an `init` that failed.
static KEPT: Mutex<Option<Arc<Slots>>> = Mutex::new(None);
static ROUND: AtomicU32 = AtomicU32::new(0);

/// What is kept.
type Slots = (ClusterSlot<Text>, EndpointSlot<Text>);

/// Read through as a pointer, so that a wrong place cannot pass for a right one.
struct Text(Vec<u8>);

impl Default for Text {
    fn default() -> Self {
        Self(b"made".to_vec())
    }
}

/// Lies where another instance has a [`Text`].
struct Numbers([AtomicU32; 16]);

impl Default for Numbers {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU32::new(0x0101_0101)))
    }
}

struct Keeping {
    numbers: Option<ClusterSlot<Numbers>>,
}

impl Balancer for Keeping {
    type Config = ();
    type Walk = ();

    fn new((): (), init: &mut Init<'_>) -> Result<Self> {
        if ROUND.fetch_add(1, Relaxed) == 0 {
            let slots = (init.per_cluster()?, init.per_endpoint()?);
            *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(slots));
            return Err(Error::msg("the first one fails"));
        }
        let numbers = init.per_cluster()?;
        init.per_endpoint::<Numbers>()?;
        Ok(Self { numbers: Some(numbers) })
    }

    fn begin(&self, _: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<()>> {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).clone().expect("kept by the first");
        assert_eq!(set.state(&kept.0).0, b"made");
        assert_eq!(set.get(0).expect("there is one").state(&kept.1).0, b"made");
        let own = &set.state(self.numbers.as_ref().expect("asked for")).0[0];
        own.fetch_add(1, Relaxed);
        Err(Error::msg(format!("{:x}", own.load(Relaxed))))
    }

    fn next(&self, (): &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        let _ = attempt;
        Ok(Next::Exhausted)
    }
}

proxy_module::module!(keeping_module: balancer Keeping);

#[test]
fn a_slot_of_another_instance_finds_its_spare_state() {
    Running::begin(&keeping_module, &Node::Null).unwrap_err();
    let running = Running::begin(&keeping_module, &Node::Null).unwrap();
    let set = Set::new(&running, 1, &[0]);
    let begun = |set: &Set| Trial::begin(&running, &request("/"), set.get()).map(drop).unwrap_err().1;
    assert_eq!([begun(&set), begun(&set)], ["1010102", "1010103"], "its own slot finds the set's state");
    assert_eq!(begun(&Set::new(&running, 1, &[0])), "1010102");
}
