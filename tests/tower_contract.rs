//! What tower asks of a middleware.

mod support;

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
    marker::PhantomData,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use support::{Answered, Body, ask, request, secrets::*, send, whoami};
use tower::{BoxError, Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_authn::{
    Authenticate, AuthenticateLayer, Authenticated, Authenticator, BearerToken, BoxAuthenticator, Rejection,
    ResponseFuture, Scheme as _, Tokens,
    authenticator::ValidatedBy,
    respond::{self, Negotiate},
    scheme::Bearer,
    validator::FromService,
    with_state,
};

/// A service that panics unless it, and no clone of it, was asked whether it is ready. Counts what is done to it.
#[derive(Default)]
struct Strict {
    ready: bool,
    clones: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        self.clones.fetch_add(1, Ordering::SeqCst);
        Self { ready: false, clones: Arc::clone(&self.clones), calls: Arc::clone(&self.calls) }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "poll_ready must be called first");
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(Body::from("ok"))))
    }
}

fn good() -> Request<Body> {
    request(&[("authorization", &bearer())])
}

fn layer() -> AuthenticateLayer<impl Authenticator<Identity = &'static str>> {
    AuthenticateLayer::new(by_bearer())
}

// ===== readiness =====

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let mut service = layer().layer(Strict::default());
    for _ in 0..3 {
        let answer = service.ready().await.unwrap().call(good()).await.unwrap();
        assert_eq!(answer.status(), 200);
        // What is turned away leaves the readiness where it is.
        assert_eq!(service.ready().await.unwrap().call(request(&[])).await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn without_credentials_the_inner_service_is_neither_cloned_nor_called() {
    let strict = Strict::default();
    let (clones, calls) = (Arc::clone(&strict.clones), Arc::clone(&strict.calls));
    let mut service = layer().layer(strict);
    for headers in [&[][..], &[("authorization", "Bearer a b")]] {
        service.ready().await.unwrap().call(request(headers)).await.unwrap();
    }
    assert_eq!((clones.load(Ordering::SeqCst), calls.load(Ordering::SeqCst)), (0, 0));
    service.ready().await.unwrap().call(good()).await.unwrap();
    assert_eq!((clones.load(Ordering::SeqCst), calls.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_concurrency_limit_of_one_neither_panics_nor_hangs() {
    let inside = ServiceBuilder::new().layer(layer()).concurrency_limit(1).service(Strict::default());
    let outside = ServiceBuilder::new().concurrency_limit(1).layer(layer()).service(Strict::default());
    for _ in 0..5 {
        assert_eq!(within(send(inside.clone(), good())).await.status, 200);
        assert_eq!(within(send(inside.clone(), request(&[]))).await.status, 401);
        assert_eq!(within(send(outside.clone(), good())).await.status, 200);
    }
    let all = (0..8).map(|_| tokio::spawn(send(inside.clone(), good())));
    for task in all.collect::<Vec<_>>() {
        assert_eq!(within(task).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_service_that_turned_a_request_away_stays_ready_until_it_is_dropped() {
    let service = ServiceBuilder::new().layer(layer()).concurrency_limit(1).service(Strict::default());
    let mut kept = service.clone();
    assert_eq!(kept.ready().await.unwrap().call(request(&[])).await.unwrap().status(), 401);
    let waiting = tokio::spawn(send(service, good()));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished(), "the permit is still with the other");
    drop(kept);
    assert_eq!(within(waiting).await.unwrap().status, 200);
}

/// A hang is a failure, not a test that never ends.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it hangs")
}

#[tokio::test]
async fn a_buffer_works_on_either_side() {
    let inside = ServiceBuilder::new().layer(layer()).buffer(4).service(Strict::default());
    assert_eq!(inside.clone().oneshot(good()).await.unwrap().status(), 200);
    assert_eq!(inside.oneshot(request(&[])).await.unwrap().status(), 401);
    let outside = ServiceBuilder::new().buffer(4).layer(layer()).service(Strict::default());
    assert_eq!(outside.oneshot(good()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn errors_of_the_inner_service_stay_what_they_are() {
    #[derive(Debug, PartialEq)]
    struct Own(u8);
    let failing = layer().layer(service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(Own(7)) }));
    assert_eq!(failing.clone().oneshot(good()).await.unwrap_err(), Own(7));
    assert_eq!(failing.oneshot(request(&[])).await.unwrap().status(), 401);
}

// ===== bounds =====

#[tokio::test]
async fn nothing_is_asked_of_the_inner_service_but_clone() {
    // Neither the service, nor its future, nor the request's body is `Send`.
    let seen = Rc::new(Cell::new(0));
    let count = Rc::clone(&seen);
    let inner = service_fn(move |request: Request<Rc<u8>>| {
        let count = Rc::clone(&count);
        async move {
            count.set(count.get() + **request.body());
            Ok::<_, Infallible>(Response::new(Body::from("ok")))
        }
    });
    let request = good().map(|_| Rc::new(5));
    assert_eq!(layer().layer(inner).oneshot(request).await.unwrap().status(), 200);
    assert_eq!(seen.get(), 5);
}

/// A body that may not leave its thread.
#[derive(Default)]
struct Local(Rc<u8>);

#[tokio::test]
async fn a_response_body_that_is_not_send_runs_on_a_local_set() {
    let inner = service_fn(|_: Request<Body>| {
        let here = Rc::new(5);
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Response::new(Local(here)))
        }
    });
    let service = layer().respond_with(respond::Empty).layer(inner);
    let local = tokio::task::LocalSet::new();
    let task = local.run_until(async move {
        let task = tokio::task::spawn_local(async move {
            let refused = service.clone().oneshot(request(&[])).await.unwrap();
            (refused.status().as_u16(), *service.oneshot(good()).await.unwrap().into_body().0)
        });
        task.await.unwrap()
    });
    assert_eq!(within(task).await, (401, 5));
}

#[test]
fn auto_traits_are_as_promised() {
    fn is_unpin<T: Unpin>() {}
    fn is_send_sync<T: Send + Sync>() {}
    fn is_send<T: Send>() {}
    fn is_clone<T: Clone>() {}
    type A = ValidatedBy<Bearer, Tokens<u8>>;
    struct NotClone;
    is_send_sync::<AuthenticateLayer<A>>();
    is_send_sync::<Authenticate<Strict, A>>();
    is_send::<ResponseFuture<Strict, A, Negotiate, Body>>();
    is_unpin::<ResponseFuture<Strict, A, Negotiate, Body>>();
    is_send_sync::<Authenticated<u8>>();
    is_send_sync::<BoxAuthenticator<u8>>();
    is_send_sync::<Rejection>();
    is_send_sync::<tower_authn::Challenge>();
    is_clone::<AuthenticateLayer<NotClone, NotClone>>();
    is_clone::<Authenticate<Strict, NotClone, NotClone>>();
    is_clone::<tower_authn::RequireLayer<NotClone, NotClone>>();
    is_send_sync::<tower_authn::RequireLayer<PhantomData<*const u8>, u8>>();
}

// ===== cancellation and panics =====

#[tokio::test]
async fn a_client_that_disconnects_during_validation_leaves_nothing_behind() {
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let slow = Bearer::new("r").validated_by(move |token: BearerToken| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            Ok::<_, Rejection>((token.expose() == TOKEN).then_some("alice"))
        }
    });
    let service = AuthenticateLayer::new(slow).layer(strict);
    let hanging = tokio::time::timeout(Duration::from_millis(20), service.clone().oneshot(good())).await;
    assert!(hanging.is_err(), "the client has gone away");
    assert_eq!((started.load(Ordering::SeqCst), calls.load(Ordering::SeqCst)), (1, 0));
    assert_eq!(send(service, good()).await.status, 200);
}

#[tokio::test]
async fn a_validator_that_panics_lets_nobody_in_and_poisons_nothing() {
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let fragile = Bearer::new("r").validated_by(|token: BearerToken| async move {
        assert_ne!(token.expose(), "boom", "a mistake in the app");
        Ok::<_, Rejection>(Some("alice"))
    });
    let service = AuthenticateLayer::new(fragile).layer(strict);
    let panics = tokio::spawn(service.clone().oneshot(request(&[("authorization", "Bearer boom")])));
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(send(service, good()).await.status, 200);
}

// ===== validators =====

#[tokio::test]
async fn validators_are_functions_closures_arcs_and_services() {
    async fn by_function(token: BearerToken) -> Result<Option<&'static str>, Rejection> {
        Ok((token.expose() == TOKEN).then_some("alice"))
    }
    async fn by_state(
        tokens: Arc<[&'static str]>,
        token: BearerToken,
    ) -> Result<Option<&'static str>, Rejection> {
        Ok(tokens.contains(&token.expose()).then_some("alice"))
    }
    async fn by_service(token: BearerToken) -> Result<Option<&'static str>, BoxError> {
        Ok((token.expose() == TOKEN).then_some("alice"))
    }
    let known: Arc<[&'static str]> = [TOKEN].into();
    is_alice(Bearer::new("r").validated_by(by_function)).await;
    is_alice(Bearer::new("r").validated_by(|token| async { by_function(token).await })).await;
    is_alice(Bearer::new("r").validated_by(Arc::new(tokens()))).await;
    is_alice(Bearer::new("r").validated_by(with_state(known, by_state))).await;
    is_alice(Bearer::new("r").validated_by(FromService::new(service_fn(by_service)))).await;
}

async fn is_alice(authenticator: impl Authenticator<Identity = &'static str> + Clone) {
    let good: Answered = ask(authenticator.clone(), &[("authorization", &bearer())]).await;
    assert_eq!(good.body, "alice");
    assert_eq!(ask(authenticator, &[("authorization", "Bearer wrong")]).await.status, 401);
}

#[tokio::test]
async fn limits_and_time_outs_go_around_a_validator() {
    async fn never(_: BearerToken) -> Result<Option<&'static str>, BoxError> {
        std::future::pending().await
    }
    let limited =
        ServiceBuilder::new().timeout(Duration::from_millis(10)).concurrency_limit(1).service_fn(never);
    let api = Bearer::new("r").validated_by(FromService::new(limited));
    let service = AuthenticateLayer::new(api).layer(service_fn(whoami));
    for _ in 0..3 {
        let answer = within(send(service.clone(), good())).await;
        assert_eq!(
            (answer.status.as_u16(), answer.challenges()),
            (503, vec![]),
            "a time-out is no wrong token"
        );
    }
}

#[tokio::test]
async fn a_concurrency_limit_around_a_validator_bounds_what_runs_at_once() {
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (count, peak) = (Arc::clone(&running), Arc::clone(&most));
    let validate = service_fn(move |token: BearerToken| {
        let (count, peak) = (Arc::clone(&count), Arc::clone(&peak));
        async move {
            peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            count.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Infallible>((token.expose() == TOKEN).then_some("alice"))
        }
    });
    let limited = ServiceBuilder::new().concurrency_limit(2).service(validate);
    let api = Bearer::new("r").validated_by(FromService::new(limited));
    let service = AuthenticateLayer::new(api).layer(Strict::default());
    let all = (0..12).map(|_| tokio::spawn(send(service.clone(), good())));
    for task in all.collect::<Vec<_>>() {
        assert_eq!(within(task).await.unwrap().status, 200);
    }
    assert_eq!((running.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 2));
}

#[tokio::test]
async fn a_client_that_disconnects_gives_the_permit_of_the_validator_and_of_the_service_back() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let validate = service_fn(move |_: BearerToken| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(Some("alice"))
        }
    });
    let limited = ServiceBuilder::new().concurrency_limit(1).service(validate);
    let layer = AuthenticateLayer::new(Bearer::new("r").validated_by(FromService::new(limited)));
    let service = ServiceBuilder::new().layer(layer).concurrency_limit(1).service(Strict::default());
    let gone = tokio::spawn(send(service.clone(), good()));
    while started.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    assert_eq!(within(send(service, good())).await.status, 200);
}

#[tokio::test]
async fn tokens_come_and_go_while_requests_run() {
    let tokens = Tokens::new();
    let service =
        AuthenticateLayer::new(Bearer::new("r").validated_by(tokens.clone())).layer(service_fn(whoami));
    assert_eq!(send(service.clone(), good()).await.status, 401);
    tokens.insert(TOKEN, "alice").unwrap();
    assert_eq!(send(service.clone(), good()).await.body, "alice");
    assert_eq!(tokens.insert(TOKEN, "bob"), Ok(Some("alice")));
    assert_eq!(tokens.revoke_where(|user| *user == "bob"), 1);
    assert_eq!(send(service, good()).await.status, 401);
    assert!(tokens.is_empty());
    assert!(tokens.insert("hunter2", "alice").is_err() && tokens.is_empty());
}
