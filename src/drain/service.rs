//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Version, header};
use http_body::Body;
use tower_service::Service;

use super::{RequestBody, ResponseFuture, layer::Bounds, slot::Slot};

/// The service that [`DrainLayer`](super::DrainLayer) makes.
///
/// ```
/// use tower_authn::drain::{Drain, DrainLayer};
/// use tower_layer::Layer as _;
///
/// let service: Drain<_> = DrainLayer::new().layer("any service");
/// assert_eq!(service.into_inner(), "any service");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Drain<S> {
    inner: S,
    bounds: Arc<Bounds>,
}

impl<S> Drain<S> {
    pub(super) fn new(inner: S, bounds: Arc<Bounds>) -> Self {
        Self { inner, bounds }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for Drain<S>
where
    S: Service<Request<RequestBody<B>>>,
    B: Body + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
            return ResponseFuture::new(self.inner.call(request.map(RequestBody::plain)), None);
        }
        let slot = Slot::new(Arc::clone(&self.bounds));
        let waits = request.headers().contains_key(header::EXPECT);
        let request = request.map(|body| RequestBody::watched(body, waits, Arc::clone(&slot)));
        ResponseFuture::new(self.inner.call(request), Some(slot))
    }
}
