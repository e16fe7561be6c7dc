//! Layers around layers, with a middleware in between: who draws a rejection from inside, and who is told of it.

mod support;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use support::{Answered, Body, request, secrets::*, send};
use tower::{
    Layer, ServiceBuilder, service_fn,
    util::{MapRequestLayer, MapResponseLayer},
};
use tower_authn::{Answer, AuthenticateLayer, Authenticator, Rejection, observe::Event};

type Told = Arc<Mutex<Vec<String>>>;

/// A layer whose drawings can be told apart, and that keeps what it is told of rejections.
fn layer<A: Authenticator>(
    name: &'static str,
    authenticator: A,
    told: &Told,
) -> AuthenticateLayer<A, impl Fn(&Answer<'_>) -> Response<Body> + Clone + Send + Sync + 'static> {
    let told = Arc::clone(told);
    AuthenticateLayer::new(authenticator)
        .respond_with(move |answer: &Answer<'_>| {
            Response::new(Full::from(Bytes::from(format!("{name}: {}", answer.kind().as_str()))))
        })
        .observe(move |event: &Event<'_>| {
            let Some((decision, status)) =
                event.decision().and_then(|decision| Some((decision, decision.status()?)))
            else {
                return;
            };
            told.lock().unwrap().push(format!("{} {:?}", status.as_u16(), decision.schemes()));
        })
}

/// A rejection that only the outer layer owns, and what both layers are told of it.
async fn nested<L>(middle: L, rejection: fn() -> Rejection) -> (Answered, [Vec<String>; 2])
where
    L: Layer<
            AnyService,
            Service: tower::Service<
                Request<Body>,
                Response = Response<Body>,
                Error = Infallible,
                Future: Send,
            > + Clone
                         + Send
                         + 'static,
        >,
{
    let (outer, inner) = (Told::default(), Told::default());
    let handler = service_fn(move |_: Request<Body>| async move {
        Ok::<_, Infallible>(rejection().into_response::<Body>())
    });
    let inside = tower::util::BoxCloneService::new(layer("inner", by_key(), &inner).layer(handler));
    let stack =
        ServiceBuilder::new().layer(layer("outer", by_bearer(), &outer)).layer(middle).service(inside);
    let answer = send(stack, request(&[("authorization", &bearer()), ("x-api-key", KEY)])).await;
    let told = [outer, inner].map(|told| told.lock().unwrap().clone());
    (answer, told)
}

type AnyService = tower::util::BoxCloneService<Request<Body>, Response<Body>, Infallible>;

fn outers_own() -> Rejection {
    Rejection::invalid().found_by("Bearer")
}

const INVALID: &str = r#"Bearer error="invalid_token", realm="r", error_description="The access token is not valid for this resource""#;

#[tokio::test]
async fn without_a_middleware_the_outer_draws_and_both_are_told_once() {
    let (answer, told) = nested(tower::layer::util::Identity::new(), outers_own).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (401, "outer: invalid"));
    assert_eq!(answer.challenges(), [INVALID]);
    assert_eq!(told, [[r#"401 ["Bearer"]"#], [r#"401 ["Bearer"]"#]]);
}

#[tokio::test]
async fn a_middleware_that_makes_a_request_of_its_own_changes_nothing() {
    let rebuilds = MapRequestLayer::new(|request: Request<Body>| {
        let (head, body) = request.into_parts();
        let mut rebuilt = Request::builder().method(head.method).uri(head.uri).body(body).unwrap();
        *rebuilt.headers_mut() = head.headers;
        rebuilt
    });
    let (answer, told) = nested(rebuilds, outers_own).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (401, "outer: invalid"));
    assert_eq!(answer.challenges(), [INVALID]);
    assert_eq!(told.each_ref().map(Vec::len), [1, 1], "{told:?}");
}

#[tokio::test]
async fn a_middleware_that_drops_the_responses_extensions_leaves_a_right_head_and_both_are_told() {
    let drops = MapResponseLayer::new(|mut response: Response<Body>| {
        response.extensions_mut().clear();
        response
    });
    let (answer, told) = nested(drops, outers_own).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (401, ""));
    assert_eq!(answer.challenges(), [r#"ApiKey realm="r""#], "what the inner layer has to offer");
    assert_eq!(told, [[r#"401 ["Bearer"]"#], [r#"401 ["Bearer"]"#]]);
}

#[tokio::test]
async fn what_the_inner_layer_owns_it_draws_and_tells_alone() {
    let (answer, told) =
        nested(tower::layer::util::Identity::new(), || Rejection::insufficient().found_by("ApiKey")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (403, "inner: insufficient"));
    assert_eq!(told, [vec![], vec![r#"403 ["ApiKey"]"#.to_owned()]]);
}
