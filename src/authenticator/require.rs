use std::{
    any::type_name,
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, request::Parts};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Asked, Authenticated, Authenticator, Challenges, Granted, Part, Rejection, Visit, draw};

/// What a requirement decides: `bool`, where `false` is [`Rejection::insufficient`], or `Result<(), Rejection>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no verdict",
    note = "a requirement returns `bool` or `Result<(), Rejection>`"
)]
pub trait Verdict: sealed::Sealed {
    /// Returns the decision.
    fn verdict(self) -> Result<(), Rejection>;
}

impl Verdict for bool {
    fn verdict(self) -> Result<(), Rejection> {
        if self { Ok(()) } else { Err(Rejection::insufficient()) }
    }
}

impl Verdict for Result<(), Rejection> {
    fn verdict(self) -> Self {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for bool {}
    impl Sealed for Result<(), crate::Rejection> {}
}

/// Lets only identities in that meet a requirement: what [`Authenticator::require`] makes.
///
/// ```
/// use tower_authn::{Authenticator, Rejection, Scheme, Tokens, scheme::Bearer};
///
/// let writers = Bearer::new("api").validated_by(Tokens::<String>::new())
///     .require(|user: &String| if user == "alice" { Ok(()) } else { Err(Rejection::insufficient_scope("write")) });
/// # let _ = writers;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Required<A, F> {
    inner: A,
    requirement: F,
}

impl<A, F> Required<A, F> {
    pub(crate) const fn new(inner: A, requirement: F) -> Self {
        Self { inner, requirement }
    }
}

impl<A, F, V> Authenticator for Required<A, F>
where
    A: Authenticator,
    F: Fn(&A::Identity) -> V + Send + Sync + 'static,
    V: Verdict,
{
    type Credentials = A::Credentials;
    type Identity = A::Identity;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<A::Credentials>, Rejection> {
        self.inner.extract(head, asked)
    }

    async fn validate(
        &self,
        credentials: A::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<A::Identity>, Rejection> {
        let granted = self.inner.validate(credentials, visit).await?;
        match (self.requirement)(granted.identity()).verdict() {
            Ok(()) => Ok(granted),
            Err(rejection) => Err(granted.file(rejection)),
        }
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.inner.challenge(rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.inner.each_part(show);
    }
}

impl<A: fmt::Debug, F> fmt::Debug for Required<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Required").field("inner", &self.inner).finish_non_exhaustive()
    }
}

// ===== impl RequireLayer =====

/// Lets only identities in that meet a requirement, on routes inside an [`AuthenticateLayer`](crate::AuthenticateLayer).
///
/// The client sees what that layer draws: 403, or what the requirement's rejection says. Without such a layer around
/// it, every request gets 500. Under [`optional`](Authenticator::optional), nobody gets 401.
///
/// ```
/// use tower_authn::RequireLayer;
///
/// #[derive(Clone)]
/// struct User { admin: bool }
///
/// let admins = RequireLayer::new(|user: &User| user.admin);
/// let hidden = RequireLayer::new(|user: &User| user.admin).concealed(); // 404 instead of 403
/// # let _ = (admins, hidden);
/// ```
#[must_use]
pub struct RequireLayer<I, F> {
    requirement: Arc<F>,
    denial: Denial,
    identity: PhantomData<fn(&I)>,
}

/// How a denial is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denial {
    Told,
    Concealed,
}

impl<I, F> RequireLayer<I, F> {
    /// Makes a layer that requires this of the identity.
    pub fn new<V>(requirement: F) -> Self
    where
        F: Fn(&I) -> V + Send + Sync + 'static,
        V: Verdict,
    {
        Self { requirement: Arc::new(requirement), denial: Denial::Told, identity: PhantomData }
    }

    /// Answers 404 where the requirement is not met, so that it is not told that there is something.
    ///
    /// The answer still says `Cache-Control: no-store`, and its body is the responder's; have the app's own 404s look the
    /// same.
    pub fn concealed(self) -> Self {
        Self { denial: Denial::Concealed, ..self }
    }

    fn check<V>(&self, extensions: &http::Extensions) -> Result<(), Rejection>
    where
        I: Clone + Send + Sync + 'static,
        F: Fn(&I) -> V,
        V: Verdict,
    {
        let identity = Authenticated::<I>::of(extensions)?.ok_or_else(Rejection::missing)?;
        (self.requirement)(&identity).verdict().map_err(|rejection| {
            let rejection = rejection.found_by_all(identity.schemes());
            if self.denial == Denial::Concealed { rejection.concealed() } else { rejection }
        })
    }
}

impl<S, I, F> Layer<S> for RequireLayer<I, F> {
    type Service = RequiredService<S, I, F>;

    fn layer(&self, inner: S) -> Self::Service {
        RequiredService { inner, layer: self.clone() }
    }
}

impl<I, F> Clone for RequireLayer<I, F> {
    fn clone(&self) -> Self {
        Self { requirement: Arc::clone(&self.requirement), denial: self.denial, identity: PhantomData }
    }
}

impl<I, F> fmt::Debug for RequireLayer<I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer")
            .field("identity", &type_name::<I>())
            .field("denial", &self.denial)
            .finish_non_exhaustive()
    }
}

// ===== impl RequiredService =====

/// The service that [`RequireLayer`] makes.
#[must_use]
pub struct RequiredService<S, I, F> {
    inner: S,
    layer: RequireLayer<I, F>,
}

impl<S, I, F, V, ReqBody, ResBody> Service<Request<ReqBody>> for RequiredService<S, I, F>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    I: Clone + Send + Sync + 'static,
    F: Fn(&I) -> V,
    V: Verdict,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match self.layer.check(request.extensions()) {
            Ok(()) => State::Calling { inner: self.inner.call(request) },
            Err(rejection) => State::Refused { rejection: Some(rejection) },
        };
        RequireFuture { state }
    }
}

impl<S: Clone, I, F> Clone for RequiredService<S, I, F> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, I, F> fmt::Debug for RequiredService<S, I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequiredService").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

pin_project! {
    /// The future of [`RequiredService`].
    pub struct RequireFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Refused { rejection: Option<Rejection> },
        Calling { #[pin] inner: F },
    }
}

impl<F, B: Default, E> Future for RequireFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Refused { rejection } => {
                let rejection = rejection.take().expect("a future must not be polled after it is ready");
                Poll::Ready(Ok(draw::undrawn(rejection)))
            }
            StateProjection::Calling { inner } => inner.poll(cx),
        }
    }
}

impl<F> fmt::Debug for RequireFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}
