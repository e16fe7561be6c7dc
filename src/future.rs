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
    draw::{Undrawn, add_missing},
    observe::{Watch, mark},
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
        pub(crate) watch: Option<Box<Watch>>,
        #[pin]
        pub(crate) state: State<S, S::Future, A::Identity, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    pub(crate) enum State<S, F, I, B> {
        Refused { rejection: Option<Rejection> },
        Validating { validation: Validation<I>, waiting: Option<(S, Request<B>)> },
        Calling { #[pin] inner: F, granted: Option<(Granted<()>, Visit)> },
    }
}

impl<S, A, R, B> ResponseFuture<S, A, R, B>
where
    S: Service<Request<B>>,
    A: Authenticator,
{
    pub(crate) fn refused(
        layer: Arc<AuthenticateLayer<A, R>>,
        asked: Asked,
        watch: Option<Box<Watch>>,
        rejection: Rejection,
    ) -> Self {
        Self { layer, asked, watch, state: State::Refused { rejection: Some(rejection) } }
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
                        this.watch.as_deref_mut(),
                    )));
                }
                StateProjection::Validating { validation, waiting } => {
                    let (granted, visit) = match validation.as_mut().poll(cx) {
                        Poll::Ready((Ok(granted), visit)) => (granted, visit),
                        Poll::Ready((Err(rejection), visit)) => {
                            let rejection = rejection.with_missing_headers(visit.headers());
                            let watch = this.watch.as_deref_mut();
                            break Poll::Ready(Ok(this.layer.reject(rejection, this.asked, watch)));
                        }
                        Poll::Pending => break Poll::Pending,
                    };
                    let (mut service, mut request) = waiting.take().expect(POLLED_AGAIN);
                    if let Some(watch) = this.watch.as_deref_mut() {
                        this.layer.hooks().accepted(&granted, &visit, watch);
                        // Before the service may end what let the client in: a trial that looked later would refuse.
                        watch.advance(cx);
                        mark(request.extensions_mut());
                    }
                    let (authenticated, granted) = Authenticated::by(granted);
                    authenticated.insert_into(request.extensions_mut());
                    let inner = service.call(request);
                    this.state.set(State::Calling { inner, granted: Some((granted, visit)) });
                }
                StateProjection::Calling { inner, granted } => {
                    let mut answer = inner.poll(cx);
                    if let Poll::Ready(Ok(response)) = &mut answer {
                        let (granted, visit) = granted.take().expect(POLLED_AGAIN);
                        finish(this.layer, response, (granted, visit), this.asked, this.watch.as_deref());
                    }
                    break answer;
                }
            }
        };
        if let Some(watch) = this.watch.as_deref_mut() {
            watch.advance(cx);
            if answer.is_ready() {
                this.layer.hooks().end(watch);
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
    (granted, visit): (Granted<()>, Visit),
    asked: &Asked,
    watch: Option<&Watch>,
) where
    A: Authenticator,
    R: Respond<B>,
{
    if let Some(undrawn) = response.extensions_mut().remove::<Undrawn>() {
        layer.reject_inner(undrawn, response, &granted, asked, watch);
    } else if response.status() == StatusCode::UNAUTHORIZED
        && !response.headers().contains_key(header::WWW_AUTHENTICATE)
    {
        layer.challenges_for_bare_401(asked).append_to(response.headers_mut());
    }
    let headers = response.headers_mut();
    let (more, passed_over) = visit.into_left_behind();
    if !more.is_empty() {
        add_missing(headers, more);
    }
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
