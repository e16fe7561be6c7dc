//! What a layer has besides its authenticator and its responder, shared by its clones.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Everything that watches a layer.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    has_warned: AtomicBool,
}

impl Hooks {
    /// Whether this is the first time; axum wraps a service for each route.
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody to tell"))]
    pub(crate) fn warns_now(&self) -> bool {
        !self.has_warned.swap(true, Relaxed)
    }
}
