use std::{any::TypeId, sync::Arc};

use super::{Event, Observe, Occurrence};

/// Observers that are told together: those of a layer, or of something that happens beside requests.
#[derive(Clone, Default)]
pub(crate) struct Observers(Vec<Arc<dyn Observe>>);

impl Observers {
    /// Those that everybody has: the log and the metrics, under their features.
    pub(crate) fn standard() -> Self {
        let observers = Self::default();
        #[cfg(feature = "tracing")]
        let observers = observers.with(super::Tracing::default());
        #[cfg(feature = "metrics")]
        let observers = observers.with(super::Metrics::default());
        observers
    }

    /// Adds one.
    pub(crate) fn with(&self, observer: impl Observe) -> Self {
        let mut observers = self.clone();
        observers.0.push(Arc::new(observer));
        observers
    }

    /// Adds those of another that are not among these.
    pub(crate) fn join(&mut self, others: &Self) {
        for other in &others.0 {
            if !self.0.iter().any(|known| known.key() == other.key()) {
                self.0.push(Arc::clone(other));
            }
        }
    }

    /// Whether anybody would do anything with an event.
    pub(crate) fn are_listening(&self) -> bool {
        self.0.iter().any(Observe::is_listening)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = ObserverKey> {
        self.0.iter().map(Observe::key)
    }

    /// Tells all that something happened.
    pub(crate) fn tell_of(&self, occurrence: &Occurrence<'_>) {
        self.tell(&Event::Happened(occurrence));
    }

    /// Tells all.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.observe(event));
    }

    /// Tells all but those with these keys.
    pub(crate) fn tell_others(&self, event: &Event<'_>, told: &[ObserverKey]) {
        let others = self.0.iter().filter(|observer| !told.contains(&observer.key()));
        others.for_each(|observer| observer.observe(event));
    }
}

/// What tells observers apart, so that one that several layers share is told of a rejection once: what [`Observe::key`] returns.
///
/// ```
/// use tower_authn::observe::{Event, Observe, ObserverKey};
///
/// struct Log;
///
/// impl Observe for Log {
///     fn observe(&self, event: &Event<'_>) {
///         println!("{event}");
///     }
///
///     // All write to one log.
///     fn key(&self) -> ObserverKey {
///         ObserverKey::of_kind::<Self>()
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObserverKey(Key);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Value(usize),
    Kind(TypeId),
}

impl ObserverKey {
    /// Makes the key of one value, by its address: what it is unless an observer says otherwise.
    pub fn of_value<T: ?Sized>(value: &T) -> Self {
        Self(Key::Value(std::ptr::from_ref(value).cast::<()>().addr()))
    }

    /// Makes a key that all values of a type have in common.
    pub fn of_kind<T: 'static>() -> Self {
        Self(Key::Kind(TypeId::of::<T>()))
    }
}
