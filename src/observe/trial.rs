//! A second authenticator that decides beside the real one, and changes nothing.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::request::Parts;

use super::report::Tried;
use crate::{Asked, Authenticator, Granted, Inspection, Visit, authenticator::validated};

/// An authenticator whose type is hidden, of which only the verdict is wanted.
pub(crate) trait Shadow: Send + Sync {
    fn begin(&self, head: &Parts, asked: &Asked) -> Trial;
    fn inspect(&self, inspection: &mut Inspection);
}

/// One request that is tried.
pub(crate) enum Trial {
    Running(Pin<Box<dyn Future<Output = Tried> + Send>>),
    Decided(Tried),
    /// Its code panicked, which is nothing to the client.
    Broken,
}

impl<T: Authenticator> Shadow for Arc<T> {
    /// Nothing of it runs before the first poll, where a panic is caught.
    fn begin(&self, head: &Parts, asked: &Asked) -> Trial {
        let (authenticator, mut head, asked) = (Self::clone(self), head.clone(), asked.clone());
        Trial::Running(Box::pin(async move {
            let extracted = authenticator.extract(&mut head, &asked);
            drop((head, asked));
            match validated(&*authenticator, extracted, &mut Visit::trial()).await {
                Ok(Granted { schemes, .. }) => Tried::accepted(&schemes),
                Err(rejection) => Tried::refused(rejection),
            }
        }))
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.each_part(&mut |part| part.inspect(inspection));
    }
}

impl Trial {
    /// Goes on as far as it can without waiting. What is left behind by a panic is dropped.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        let Self::Running(future) = self else { return };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(tried)) => *self = Self::Decided(tried),
            Err(_) => *self = Self::Broken,
        }
    }

    pub(super) fn tried(&self) -> Option<&Tried> {
        match self {
            Self::Decided(tried) => Some(tried),
            Self::Running(_) | Self::Broken => None,
        }
    }
}
