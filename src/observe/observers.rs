use std::sync::Arc;

use super::{Event, Observe};

/// The observers of what happens beside requests, named where it is built.
#[derive(Clone, Default)]
pub(crate) struct Observers(Vec<Arc<dyn Observe>>);

impl Observers {
    /// Adds one.
    pub(crate) fn with(&self, observer: impl Observe) -> Self {
        let mut observers = self.0.clone();
        observers.push(Arc::new(observer));
        Self(observers)
    }

    /// Tells all.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.observe(event));
    }
}
