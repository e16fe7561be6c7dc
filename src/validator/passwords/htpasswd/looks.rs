//! Looks at a file that may hang: one at a time, which all who come meanwhile wait for.

use std::{
    io,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokio::sync::watch;

use crate::{Rejection, lock::lock};

/// The look that is under way.
pub(super) struct Looks<T>(Arc<Mutex<Option<UnderWay<T>>>>);

struct UnderWay<T> {
    began: Duration,
    found: watch::Receiver<Option<T>>,
}

impl<T: Clone + Send + Sync + 'static> Looks<T> {
    /// Waits for the look that is under way; if there is none, starts one. Returns when it began,
    /// and what it found.
    ///
    /// It goes on when nobody waits for it any more. It has a thread of its own, so that one that
    /// hangs takes none of the runtime's, and does not keep the runtime from ending.
    pub(super) async fn join(
        &self,
        now: Duration,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(Duration, T), Rejection> {
        let (began, mut found) = self.under_way(now, look)?;
        let found = match found.wait_for(Option::is_some).await {
            Ok(found) => found.clone(),
            Err(_) => None,
        };
        let found =
            found.ok_or_else(|| Rejection::from(io::Error::other("the look at the file panicked")))?;
        Ok((began, found))
    }

    fn under_way(
        &self,
        now: Duration,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<(Duration, watch::Receiver<Option<T>>)> {
        let mut under_way = lock(&self.0);
        if let Some(UnderWay { began, found }) = &*under_way {
            return Ok((*began, found.clone()));
        }
        let (sender, found) = watch::channel(None);
        *under_way = Some(UnderWay { began: now, found: found.clone() });
        // The end of a look needs the lock, also of one whose thread cannot be started.
        drop(under_way);
        let ends = Ends(Arc::clone(&self.0));
        thread::Builder::new().name("htpasswd".into()).spawn(move || {
            let _ends = ends;
            sender.send_replace(Some(look()));
        })?;
        Ok((now, found))
    }
}

impl<T> Default for Looks<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Ends a look when it is dropped, however the look ended.
struct Ends<T>(Arc<Mutex<Option<UnderWay<T>>>>);

impl<T> Drop for Ends<T> {
    fn drop(&mut self) {
        *lock(&self.0) = None;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        sync::{
            atomic::{AtomicUsize, Ordering::SeqCst},
            mpsc,
        },
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::{Reason, RejectionKind};

    const NOW: Duration = Duration::from_secs(7);

    fn polled<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// The thread ends the look only after it told what it found.
    async fn end_of<T>(looks: &Looks<T>) {
        let ended = async {
            while lock(&looks.0).is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends");
    }

    #[tokio::test]
    async fn while_a_look_hangs_no_other_is_started_and_all_get_what_it_finds() {
        let looks = Looks::default();
        let started = Arc::new(AtomicUsize::new(0));
        let (gate, closed) = mpsc::channel::<()>();
        let closed = Arc::new(Mutex::new(closed));
        let join = |seconds: u64| {
            let (started, closed) = (Arc::clone(&started), Arc::clone(&closed));
            looks.join(Duration::from_secs(seconds), move || {
                let _ = lock(&closed).recv();
                started.fetch_add(1, SeqCst) + 1
            })
        };
        let mut all: Vec<_> = (0..640).map(|second| Box::pin(join(second))).collect();
        for one in &mut all {
            assert!(polled(one.as_mut()).is_pending());
        }
        // Those that waited too long went away, and the look goes on.
        all.drain(..600);
        drop(gate);
        for one in all {
            assert_eq!(one.await.unwrap(), (Duration::ZERO, 1));
        }
        end_of(&looks).await;
        assert_eq!(join(641).await.unwrap(), (Duration::from_secs(641), 2));
    }

    #[tokio::test]
    async fn a_look_that_panics_is_unavailable_for_all_who_wait_and_the_next_one_is_another() {
        let looks = Looks::<u32>::default();
        let (gate, closed) = mpsc::channel::<()>();
        let mut first = pin!(looks.join(NOW, move || {
            let _ = closed.recv();
            panic!("on purpose")
        }));
        let mut second = pin!(looks.join(NOW, || 2));
        assert!(polled(first.as_mut()).is_pending() && polled(second.as_mut()).is_pending());
        drop(gate);
        for failed in [first.await, second.await] {
            let rejection = failed.unwrap_err();
            assert_eq!(
                (rejection.kind(), rejection.reason()),
                (RejectionKind::Unavailable, Reason::BackEndFailed)
            );
        }
        end_of(&looks).await;
        assert_eq!(looks.join(NOW, || 3).await.unwrap(), (NOW, 3));
    }
}
