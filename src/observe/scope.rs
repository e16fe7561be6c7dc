//! Layers around layers: whoever has a rejection in hand is told of it once, with the status that the client sees.

use std::sync::{Arc, Mutex};

use http::Extensions;

use super::{Observers, observers::ObserverKey, user::User};
use crate::{Details, Rejection, lock::lock};

/// What the observed layers around one request share. The outermost of them makes it, and puts it into the request.
#[derive(Clone, Default)]
pub(super) struct Scope(Arc<Mutex<Option<Heard>>>);

/// A rejection from inside, and who has had it in hand, the innermost layer first.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) rejection: Option<Rejection>,
    pub(super) details: Details,
    pub(super) user: Option<User>,
    pub(super) observers: Observers,
}

/// Who was told of a rejection already, in the response: by a layer that knew of none around it, since a middleware in between
/// made a request of its own.
#[derive(Clone, Default)]
pub(super) struct Told(pub(super) Vec<ObserverKey>);

impl Scope {
    /// Finds the scope of a request, or makes one; `true`: it was made, for nobody further out observes.
    pub(super) fn of(extensions: &Extensions) -> (Self, bool) {
        match extensions.get::<Self>() {
            Some(scope) => (scope.clone(), false),
            None => (Self::default(), true),
        }
    }

    /// Adds a layer that has the rejection in hand.
    pub(super) fn hear(
        &self,
        rejection: &Rejection,
        details: &Details,
        user: Option<&User>,
        observers: &Observers,
    ) {
        let mut heard = lock(&self.0);
        let heard = heard.get_or_insert_default();
        heard.rejection = Some(rejection.clone());
        heard.details = std::mem::take(&mut heard.details).or(details.clone());
        heard.user = heard.user.take().or_else(|| user.cloned());
        heard.observers.join(observers);
    }

    /// Takes out what is to be told.
    pub(super) fn take(&self) -> Option<Heard> {
        lock(&self.0).take()
    }
}
