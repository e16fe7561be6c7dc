//! Where a request's body waits for its answer.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex},
    thread,
};

use http_body::Body;

use super::{layer::Bounds, rest::drain};
use crate::lock::lock;

/// What the body of a request and the future of its response share: whichever ends last begins the
/// drain.
///
/// If the future is dropped before it is ready, a body that is put here goes with the slot.
pub(super) struct Slot<B> {
    state: Mutex<State<B>>,
    bounds: Arc<Bounds>,
    /// Kept from where `B` is known to be a body: it is given back in a `Drop`, where nothing is
    /// known of it.
    drain: fn(Pin<Box<B>>, &Bounds),
}

enum State<B> {
    Serving,
    /// Dropped by the service, which has not answered yet.
    Waiting(Pin<Box<B>>),
    Answered,
}

impl<B: Body + Send + 'static> Slot<B> {
    pub(super) fn new(bounds: Arc<Bounds>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Serving), bounds, drain: drain::<B> })
    }
}

impl<B> Slot<B> {
    /// Takes back a body that the service has dropped.
    pub(super) fn give_back(&self, body: Pin<Box<B>>) {
        {
            let mut state = lock(&self.state);
            if !matches!(*state, State::Answered) {
                *state = State::Waiting(body);
                return;
            }
        }
        // A response that panics on its way out is cut off, and so is its connection.
        if !thread::panicking() {
            (self.drain)(body, &self.bounds);
        }
    }

    /// The response is on its way.
    pub(super) fn answered(&self) {
        let before = mem::replace(&mut *lock(&self.state), State::Answered);
        if let State::Waiting(body) = before {
            (self.drain)(body, &self.bounds);
        }
    }
}
