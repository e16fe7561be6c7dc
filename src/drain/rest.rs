//! Reading the rest of a body.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;

use super::layer::Bounds;
use crate::timer;

/// After so many frames at a time other tasks have their turn, and the time is looked at.
const FRAMES_AT_A_TIME: usize = 32;

/// Reads a body to its end in a task of its own, or drops it: then the server closes the
/// connection.
pub(super) fn drain<B>(body: Pin<Box<B>>, bounds: &Bounds)
where
    B: Body + Send + 'static,
{
    // What is too long is not begun.
    if body.size_hint().lower() > bounds.max_len {
        return;
    }
    let Ok(permit) = Arc::clone(&bounds.permits).try_acquire_owned() else { return };
    let rest = Rest { body, left: bounds.max_len, _permit: permit };
    if let Ok(rest) = timer::timeout(bounds.timeout, rest) {
        drop(tokio::spawn(rest));
    }
}

/// Is ready when the body has ended or failed, or had more than it may.
struct Rest<B> {
    body: Pin<Box<B>>,
    left: u64,
    /// Dropped after the body, also where that panics.
    _permit: OwnedSemaphorePermit,
}

impl<B: Body> Future for Rest<B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..FRAMES_AT_A_TIME {
            let Some(Ok(frame)) = ready!(self.body.as_mut().poll_frame(cx)) else { return Poll::Ready(()) };
            let Some(left) = self.left.checked_sub(cost(&frame)) else { return Poll::Ready(()) };
            self.left = left;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Counts the bytes of a frame. One that is empty costs one, so that they end too.
fn cost<D: Buf>(frame: &Frame<D>) -> u64 {
    let data = frame.data_ref().map_or(0, Buf::remaining);
    let trailers = frame
        .trailers_ref()
        .map_or(0, |trailers| trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum());
    (data + trailers).max(1) as u64
}
