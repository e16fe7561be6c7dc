//! The future of the service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    AuthenticateLayer, Authenticated, Authenticator, Granted, PassedOver, Rejection,
    asked::Asked,
    cache_control,
    draw::{Around, Undrawn, add_missing},
    observe::ObservedRequest,
    respond::Respond,
    visit::Visit,
};

/// The one box of a validated request: [`Service::Future`] needs a name, which the future of a validator has not.
pub(crate) type Validation<I> = Pin<Box<dyn Future<Output = (Result<Granted<I>, Rejection>, Visit)> + Send>>;

pin_project! {
    /// The future that [`Authenticate`](crate::Authenticate) returns.
    pub struct ResponseFuture<S, A, R, B>
    where
        S: Service<Request<B>>,
        A: Authenticator,
    {
        pub(crate) layer: Arc<AuthenticateLayer<A, R>>,
        pub(crate) asked: Asked,
        pub(crate) observed: Option<Box<ObservedRequest>>,
        #[pin]
        pub(crate) state: State<S, S::Future, A::Identity, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    pub(crate) enum State<S, F, I, B> {
        Refused { rejection: Option<Rejection> },
        Validating { validation: Validation<I>, waiting: Option<(S, Request<B>)> },
        Calling { #[pin] inner: F, accepted: Option<AcceptedHere> },
    }
}

/// What is kept of a request that was accepted here, until its response comes.
pub(crate) struct AcceptedHere {
    pub(crate) granted: Granted<()>,
    visit: Visit,
    /// Whether another layer is around this one.
    pub(crate) is_inside: bool,
}

impl<S, A, R, B> ResponseFuture<S, A, R, B>
where
    S: Service<Request<B>>,
    A: Authenticator,
{
    pub(crate) fn refused(
        layer: Arc<AuthenticateLayer<A, R>>,
        asked: Asked,
        observed: Option<Box<ObservedRequest>>,
        rejection: Rejection,
    ) -> Self {
        Self { layer, asked, observed, state: State::Refused { rejection: Some(rejection) } }
    }
}

/// Validates in a future of its own, which owns what it asks, and gives the visit back.
pub(crate) fn validation<A: Authenticator, R>(
    layer: &AuthenticateLayer<A, R>,
    credentials: A::Credentials,
    mut visit: Visit,
) -> Validation<A::Identity> {
    let authenticator = Arc::clone(layer.authenticator());
    Box::pin(async move { (authenticator.validate(credentials, &mut visit).await, visit) })
}

impl<S, A, R, ReqBody, ResBody> Future for ResponseFuture<S, A, R, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    A: Authenticator,
    R: Respond<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answer = loop {
            match this.state.as_mut().project() {
                StateProjection::Refused { rejection } => {
                    let rejection = rejection.take().expect(POLLED_AGAIN);
                    break Poll::Ready(Ok(this.layer.reject(
                        rejection,
                        this.asked,
                        this.observed.as_deref_mut(),
                    )));
                }
                StateProjection::Validating { validation, waiting } => {
                    let (granted, visit) = match validation.as_mut().poll(cx) {
                        Poll::Ready((Ok(granted), visit)) => (granted, visit),
                        Poll::Ready((Err(rejection), visit)) => {
                            let observed = this.observed.as_deref_mut();
                            let mut response = this.layer.reject(rejection, this.asked, observed);
                            let (more, _) = visit.into_left_behind();
                            add_missing(response.headers_mut(), more);
                            break Poll::Ready(Ok(response));
                        }
                        Poll::Pending => break Poll::Pending,
                    };
                    let (mut service, mut request) = waiting.take().expect(POLLED_AGAIN);
                    let extensions = request.extensions_mut();
                    if let Some(observed) = this.observed.as_deref_mut() {
                        this.layer.observation().accepted(&granted, &visit, observed);
                        // Before the service may end what let the client in: a trial that looked later would refuse.
                        observed.advance(cx);
                        observed.enter(extensions);
                    }
                    let (authenticated, granted) = Authenticated::by(granted);
                    authenticated.insert_into(extensions);
                    let is_inside = extensions.insert(Around).is_some();
                    let inner = service.call(request);
                    this.state.set(State::Calling {
                        inner,
                        accepted: Some(AcceptedHere { granted, visit, is_inside }),
                    });
                }
                StateProjection::Calling { inner, accepted } => {
                    let mut answer = inner.poll(cx);
                    if let Poll::Ready(Ok(response)) = &mut answer {
                        let accepted = accepted.take().expect(POLLED_AGAIN);
                        finish(this.layer, response, accepted, this.asked, this.observed.as_deref());
                    }
                    break answer;
                }
            }
        };
        if let Some(observed) = this.observed.as_deref_mut() {
            observed.advance(cx);
            if answer.is_ready() {
                this.layer.observation().end(observed);
            }
        }
        answer
    }
}

const POLLED_AGAIN: &str = "a future must not be polled after it is ready";

/// Completes the response of the inner service, which wins over what the grant has to add.
fn finish<A, R, B>(
    layer: &AuthenticateLayer<A, R>,
    response: &mut Response<B>,
    accepted: AcceptedHere,
    asked: &Asked,
    observed: Option<&ObservedRequest>,
) where
    A: Authenticator,
    R: Respond<B>,
{
    if let Some(undrawn) = response.extensions_mut().remove::<Undrawn>() {
        layer.reject_inner(undrawn, response, &accepted, asked, observed);
    } else if response.status() == StatusCode::UNAUTHORIZED
        && !response.headers().contains_key(header::WWW_AUTHENTICATE)
    {
        layer.challenges_for_bare_401(asked).append_to(response.headers_mut());
    }
    if let Some(observed) = observed {
        // Also what a middleware in between has lost the mark of.
        layer.observation().tell_heard(response, false, observed);
    }
    let headers = response.headers_mut();
    let AcceptedHere { granted, visit, .. } = accepted;
    let (more, passed_over) = visit.into_left_behind();
    add_missing(headers, more);
    if !is_kept_from_shared_caches(granted.schemes.as_slice()) {
        cache_control::add_private(headers);
    }
    if !passed_over.is_empty() {
        let extensions = response.extensions_mut();
        match extensions.get_mut() {
            Some(PassedOver(findings)) => findings.extend(passed_over),
            None => drop(extensions.insert(PassedOver(passed_over))),
        }
    }
}

/// Whether shared caches keep off by themselves: RFC 9111 §3.5 protects what an `Authorization` let in, but not what a cookie, an API
/// key, an address or a certificate did, nor what is shown to nobody alone.
fn is_kept_from_shared_caches(schemes: &[&str]) -> bool {
    !schemes.is_empty() && schemes.iter().all(|scheme| matches!(*scheme, "Basic" | "Bearer" | "DPoP"))
}

impl<S, A, R, B> fmt::Debug for ResponseFuture<S, A, R, B>
where
    S: Service<Request<B>>,
    A: Authenticator,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Refused { .. } => "refused",
            State::Validating { .. } => "validating",
            State::Calling { .. } => "calling",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
