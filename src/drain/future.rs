//! The future of the service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::slot::Slot;

pin_project! {
    /// The future that [`Drain`](super::Drain) returns. It is ready when the inner service's is.
    pub struct ResponseFuture<F, B> {
        #[pin]
        inner: F,
        slot: Option<Arc<Slot<B>>>,
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn new(inner: F, slot: Option<Arc<Slot<B>>>) -> Self {
        Self { inner, slot }
    }
}

impl<F, B, T, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        // After an error there is no answer that a client could lose.
        if let Some(slot) = this.slot.take().filter(|_| answer.is_ok()) {
            slot.answered();
        }
        Poll::Ready(answer)
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("may_drain", &self.slot.is_some()).finish_non_exhaustive()
    }
}
