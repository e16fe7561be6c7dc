use std::sync::{Arc, Mutex, PoisonError};

use super::{Event, Observe};

/// Who is told of what happens beside requests: the observers of all layers that something is a part of.
#[derive(Default)]
pub(crate) struct Observers(Mutex<Vec<Arc<dyn Observe>>>);

impl Observers {
    /// Adds one, once.
    pub(crate) fn add(&self, observer: &Arc<dyn Observe>) {
        let mut observers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !observers.iter().any(|known| known.place() == observer.place()) {
            observers.push(Arc::clone(observer));
        }
    }

    /// Tells all, with no lock held.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        let observers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            observer.observe(event);
        }
    }
}
