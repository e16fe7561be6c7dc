use std::sync::{Arc, Mutex};

use super::{Event, Observe};
use crate::lock::lock;

/// Who is told of what happens beside requests: the observers of all layers that something is a part of.
#[derive(Default)]
pub(crate) struct Observers(Mutex<Vec<Arc<dyn Observe>>>);

impl Observers {
    /// Adds one, once.
    pub(crate) fn add(&self, observer: &Arc<dyn Observe>) {
        let mut observers = lock(&self.0);
        if !observers.iter().any(|known| known.place() == observer.place()) {
            observers.push(Arc::clone(observer));
        }
    }

    /// Tells all, with no lock held.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        let observers = lock(&self.0).clone();
        for observer in observers {
            observer.observe(event);
        }
    }
}
