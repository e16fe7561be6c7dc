//! The service, and the one place where a request is let in or turned away.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use crate::{
    AuthenticateLayer, Authenticator, Rejection, ResponseFuture,
    future::{State, validation},
    respond::Respond,
    visit::{Audience, Visit},
};

/// The service that [`AuthenticateLayer`] makes.
///
/// Validation runs after the inner service is ready, and takes that ready service along; a request that is turned away
/// neither clones nor calls it.
///
/// ```
/// use tower_authn::{Authenticate, AuthenticateLayer, Scheme as _, Tokens, scheme::Bearer};
/// use tower_layer::Layer as _;
///
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()));
/// let service: Authenticate<_, _, _> = layer.layer("any service");
/// ```
#[must_use]
pub struct Authenticate<S, A, R = crate::respond::Negotiate> {
    inner: S,
    layer: Arc<AuthenticateLayer<A, R>>,
}

impl<S, A, R> Authenticate<S, A, R> {
    pub(crate) fn new(inner: S, layer: Arc<AuthenticateLayer<A, R>>) -> Self {
        Self { inner, layer }
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

impl<S, A, R, ReqBody, ResBody> Service<Request<ReqBody>> for Authenticate<S, A, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    A: Authenticator,
    R: Respond<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, A, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let asked = self.layer.asked(&head);
        let layer = Arc::clone(&self.layer);
        let observed = layer.observation().begin(&head, &asked);
        match layer.authenticator().extract(&mut head, &asked) {
            Ok(Some(credentials)) => {
                let audience = if observed.is_some() { Audience::Listening } else { Audience::Nobody };
                let validation =
                    validation(&layer, credentials, Visit::of_request(&head.extensions, audience));
                // The service that is ready goes with the call, the clone stays.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                let waiting = Some((ready, Request::from_parts(head, body)));
                let state = State::Validating { validation, waiting };
                // Put together here: a function that it went through would copy the request.
                ResponseFuture { layer, asked, observed, state }
            }
            Ok(None) => ResponseFuture::refused(layer, asked, observed, Rejection::missing()),
            Err(rejection) => ResponseFuture::refused(layer, asked, observed, rejection),
        }
    }
}

impl<S: Clone, A, R> Clone for Authenticate<S, A, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: Arc::clone(&self.layer) }
    }
}

impl<S: fmt::Debug, A, R> fmt::Debug for Authenticate<S, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}
