//! Whether a decision is only rehearsed: tried out, or explained to a developer. It is made as any other, and writes nothing
//! down.

use std::{
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
}

/// Whether what runs now, on this thread, is part of a rehearsal. What was spawned from one is not.
pub(crate) fn is_on() -> bool {
    IS_ON.get()
}

pin_project! {
    /// A future that is rehearsed whenever it is polled, and only while it is.
    pub(crate) struct Rehearsal<F> {
        #[pin]
        future: F,
    }
}

impl<F> Rehearsal<F> {
    pub(crate) const fn of(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for Rehearsal<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _before = Before(IS_ON.replace(true));
        self.project().future.poll(cx)
    }
}

/// What to return to, also after a panic; one rehearsal may be within another.
struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        IS_ON.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        task::Waker,
    };

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn it_is_on_at_each_poll_and_off_in_between() {
        let mut polls = 0;
        let mut twice = pin!(Rehearsal::of(poll_fn(|_| {
            assert!(is_on());
            polls += 1;
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        })));
        assert!(!is_on());
        assert!(poll(twice.as_mut()).is_pending());
        assert!(!is_on());
        assert!(poll(twice.as_mut()).is_ready());
        assert!(!is_on());
    }

    #[test]
    fn one_within_another_does_not_end_it() {
        let nested = async {
            Rehearsal::of(async { assert!(is_on()) }).await;
            is_on()
        };
        assert_eq!(poll(pin!(Rehearsal::of(nested))), Poll::Ready(true));
        assert!(!is_on());
    }

    #[test]
    fn a_panic_ends_it() {
        let mut broken = pin!(Rehearsal::of(poll_fn(|_| -> Poll<()> { panic!("a mistake in it") })));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(broken.as_mut()))).is_err());
        assert!(!is_on());
    }
}
