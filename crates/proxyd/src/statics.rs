//! Modules that are compiled into this binary: what `inventory` collected, in the order of their names.

use std::sync::Arc;

use proxy_core::module::ModuleCode;

// Linked for what it adds to the inventory.
#[cfg(feature = "mod-proxy-lb")]
extern crate mod_proxy_lb as _;

/// All of them.
///
/// # Errors
/// What is wrong with the record of one.
#[cfg(feature = "static-modules")]
pub(crate) fn modules() -> Result<Vec<Arc<dyn ModuleCode>>, String> {
    let collected = proxy_module::inventory::iter::<proxy_module::StaticModule>;
    let modules: Result<Vec<_>, _> = collected
        .into_iter()
        .map(|proxy_module::StaticModule(record)| proxy_dso::static_module(record))
        .collect();
    let mut modules = modules.map_err(|refusal| refusal.to_string())?;
    modules.sort_by(|a, b| a.info().ident.cmp(&b.info().ident));
    Ok(modules)
}

/// None: every module is a file.
///
/// # Errors
/// Never.
#[cfg(not(feature = "static-modules"))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape with and without modules")]
pub(crate) const fn modules() -> Result<Vec<Arc<dyn ModuleCode>>, String> {
    Ok(Vec::new())
}

/// Lets the errors of compiled-in modules name the place of a panic.
pub(crate) fn remember_panic(info: &std::panic::PanicHookInfo<'_>) {
    #[cfg(feature = "static-modules")]
    proxy_module::remember_panic(info);
    #[cfg(not(feature = "static-modules"))]
    let _ = info;
}
