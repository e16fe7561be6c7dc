//! The body that the inner service gets.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::slot::Slot;

pin_project! {
    /// The body of a request, as the inner service of [`Drain`](super::Drain) gets it: it reads as
    /// the server's own, frame by frame, without a copy. What is left of it when it is dropped is
    /// drained.
    ///
    /// axum's routes and tonic's take it as it is. Where axum's own type is asked for, `Body::new`
    /// makes it one.
    ///
    /// ```
    /// use axum::body::Body;
    /// use http::{Request, Response};
    /// use tower::{Layer as _, service_fn};
    /// use tower_authn::drain::{DrainLayer, RequestBody};
    ///
    /// async fn handle(request: Request<RequestBody<Body>>) -> Result<Response<Body>, axum::Error> {
    ///     let request: Request<Body> = request.map(Body::new);
    ///     Ok(Response::new(request.into_body()))
    /// }
    ///
    /// let service = DrainLayer::new().layer(service_fn(handle));
    /// # let _ = service;
    /// ```
    pub struct RequestBody<B> {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[project = InnerProjection]
    enum Inner<B> {
        Plain { #[pin] body: B },
        Watched { watched: Watched<B> },
    }
}

/// A body that goes into its slot when it is dropped.
struct Watched<B> {
    /// Nothing only while it is dropped. In a box, since what is pinned cannot be given back.
    body: Option<Pin<Box<B>>>,
    rest: Rest,
    slot: Arc<Slot<B>>,
}

/// How it stands with what was not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// The client sends nothing before the server says so.
    HeldBack,
    OnTheWay,
    /// All was read, or reading failed.
    Over,
}

impl<B> RequestBody<B> {
    pub(super) fn plain(body: B) -> Self {
        Self { inner: Inner::Plain { body } }
    }

    pub(super) fn watched(body: B, waits: bool, slot: Arc<Slot<B>>) -> Self {
        let rest = if waits { Rest::HeldBack } else { Rest::OnTheWay };
        Self { inner: Inner::Watched { watched: Watched { body: Some(Box::pin(body)), rest, slot } } }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let watched = match self.project().inner.project() {
            InnerProjection::Plain { body } => return body.poll_frame(cx),
            InnerProjection::Watched { watched } => watched,
        };
        let Some(body) = &mut watched.body else { return Poll::Ready(None) };
        let frame = ready!(body.as_mut().poll_frame(cx));
        watched.rest = match frame {
            Some(Ok(_)) if !body.is_end_stream() => Rest::OnTheWay,
            _ => Rest::Over,
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Plain { body } => body.is_end_stream(),
            Inner::Watched { watched } => watched.body.as_ref().is_none_or(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Plain { body } => body.size_hint(),
            Inner::Watched { watched } => {
                watched.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
            }
        }
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        if let (Some(body), Rest::OnTheWay) = (self.body.take(), self.rest) {
            self.slot.give_back(body);
        }
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = match &self.inner {
            Inner::Plain { .. } => None,
            Inner::Watched { watched } => Some(watched.rest),
        };
        f.debug_struct("RequestBody").field("rest", &rest).finish_non_exhaustive()
    }
}
