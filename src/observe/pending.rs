//! Rejections that a layer has drawn for the time being, since one further out may have more to say.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{
    Event, Observe,
    hooks::{Case, Hooks, Logging, Watch},
    user::User,
};
use crate::{Details, Rejection, draw::Sent};

/// The layers that left it to one further out to tell of a rejection, the innermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Vec<Arc<Pending>>);

/// What a layer would have told. It tells it after all, if it is dropped before another does: a middleware in between may
/// lose what a response carries.
struct Pending {
    hooks: Arc<Hooks>,
    rejection: Rejection,
    sent: Sent,
    details: Details,
    user: Option<User>,
    id: Option<Arc<str>>,
    logging: Logging,
    is_settled: AtomicBool,
}

impl Waiting {
    /// Adds a layer.
    pub(crate) fn add(
        &mut self,
        hooks: &Arc<Hooks>,
        rejection: &Rejection,
        sent: Sent,
        details: &Details,
        watch: &Watch,
        logging: Logging,
    ) {
        // Of those that wait, one logs and counts, if it comes to that.
        let logging = if self.0.is_empty() { logging } else { Logging::Done };
        self.0.push(Arc::new(Pending {
            hooks: Arc::clone(hooks),
            rejection: rejection.clone(),
            sent,
            details: details.clone(),
            user: watch.user.clone(),
            id: watch.id.clone(),
            logging,
            is_settled: AtomicBool::new(false),
        }));
    }

    /// Tells the observers of those that wait, each once, and not the one who tells.
    pub(super) fn settle(self, event: &Event<'_>, teller: Option<&Arc<dyn Observe>>) {
        let mut told: Vec<&Arc<dyn Observe>> = teller.into_iter().collect();
        for pending in &self.0 {
            pending.is_settled.store(true, Relaxed);
            let observer = pending.hooks.observer();
            if let Some(observer) =
                observer.filter(|new| !told.iter().any(|known| known.place() == new.place()))
            {
                observer.observe(event);
                told.push(observer);
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !*self.is_settled.get_mut() {
            let case = Case {
                rejection: &self.rejection,
                sent: self.sent,
                details: self.details.clone(),
                user: self.user.as_ref(),
                id: self.id.as_deref(),
                elapsed: None,
            };
            self.hooks.turned_away(case, self.logging, Waiting::default());
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("sent", &self.sent).finish_non_exhaustive()
    }
}
