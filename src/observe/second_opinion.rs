//! A second authenticator that decides beside the real one, and changes nothing: what `report_only` asks.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::request::Parts;

use super::report::Conclusion;
use crate::{Asked, Authenticator, Inspection, Visit, authenticator::validated};

/// An authenticator whose type is hidden, of which only the conclusion is wanted.
pub(crate) trait SecondOpinion: Send + Sync {
    fn begin(&self, head: &Parts, asked: &Asked) -> Opinion;
    fn inspect(&self, inspection: &mut Inspection);
}

/// What it comes to for one request.
pub(crate) enum Opinion {
    Forming(Pin<Box<dyn Future<Output = Conclusion> + Send>>),
    Formed(Conclusion),
    /// Its code panicked, which is nothing to the client.
    Failed,
}

impl<T: Authenticator> SecondOpinion for Arc<T> {
    /// Nothing of it runs before the first poll, where a panic is caught.
    fn begin(&self, head: &Parts, asked: &Asked) -> Opinion {
        let (authenticator, mut head, asked) = (Self::clone(self), head.clone(), asked.clone());
        Opinion::Forming(Box::pin(async move {
            let extracted = authenticator.extract(&mut head, &asked);
            drop((head, asked));
            match validated(&*authenticator, extracted, &mut Visit::trial()).await {
                Ok(granted) => Conclusion::accepted(&granted.schemes),
                Err(rejection) => Conclusion::refused(rejection),
            }
        }))
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.each_part(&mut |part| part.inspect(inspection));
    }
}

impl Opinion {
    /// Goes on as far as it can without waiting. What is left behind by a panic is dropped.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        let Self::Forming(future) = self else { return };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(conclusion)) => *self = Self::Formed(conclusion),
            Err(_) => *self = Self::Failed,
        }
    }

    pub(super) fn conclusion(&self) -> Option<&Conclusion> {
        match self {
            Self::Formed(conclusion) => Some(conclusion),
            Self::Forming(_) | Self::Failed => None,
        }
    }
}
