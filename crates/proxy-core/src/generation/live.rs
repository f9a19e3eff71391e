//! The instances of a generation, and the order in which they end.

use std::sync::Arc;

use crate::blob::KeptBlob;
use crate::containment::Gate;
use crate::hooks::ModuleIndex;
use crate::module::{Instance, ModuleCode, ModuleInfo};

/// A module with the instance begun for this generation.
#[derive(Debug)]
pub struct LiveModule {
    code: Arc<dyn ModuleCode>,
    /// `None` once it has ended.
    instance: Option<Box<dyn Instance>>,
    kept: Vec<KeptBlob>,
    gate: Arc<Gate>,
}

impl LiveModule {
    pub(super) fn new(
        code: Arc<dyn ModuleCode>,
        instance: Box<dyn Instance>,
        kept: Vec<KeptBlob>,
        gate: Arc<Gate>,
    ) -> Self {
        Self { code, instance: Some(instance), kept, gate }
    }

    /// What it keeps over reloads.
    pub(super) fn kept(&self) -> &[KeptBlob] {
        &self.kept
    }

    /// Its facts.
    #[must_use]
    pub fn info(&self) -> &ModuleInfo {
        self.code.info()
    }

    /// What its calls go through.
    #[must_use]
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

/// All of them. Dropping it ends those that use a provider before the one that provides it.
#[derive(Debug)]
pub(super) struct LiveModules {
    modules: Vec<LiveModule>,
    retiring: Vec<ModuleIndex>,
}

impl LiveModules {
    /// `modules` in load order, which end in the order `retiring`.
    pub(super) fn new(modules: Vec<LiveModule>, retiring: &[ModuleIndex]) -> Self {
        Self { modules, retiring: retiring.to_vec() }
    }

    pub(super) fn in_load_order(&self) -> &[LiveModule] {
        &self.modules
    }
}

impl Drop for LiveModules {
    fn drop(&mut self) {
        for place in &self.retiring {
            if let Some(module) = self.modules.get_mut(*place) {
                module.instance = None;
            }
        }
    }
}
