//! Row 27: the CORS layer goes outside.

mod support;

use http::{Method, Request, header};
use support::{Answered, Body, secrets::*, send, whoami};
use tower::{ServiceBuilder, service_fn};
use tower_authn::AuthenticateLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

const ORIGIN: &str = "https://app.example";

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::exact(ORIGIN.parse().unwrap()))
        .allow_headers([header::AUTHORIZATION])
        .expose_headers([header::WWW_AUTHENTICATE])
}

fn preflight() -> Request<Body> {
    let mut preflight = support::request(&[
        ("origin", ORIGIN),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ]);
    *preflight.method_mut() = Method::OPTIONS;
    preflight
}

async fn outside(request: Request<Body>) -> Answered {
    let layers = ServiceBuilder::new().layer(cors()).layer(AuthenticateLayer::new(by_bearer()));
    send(layers.service(service_fn(whoami)), request).await
}

async fn inside(request: Request<Body>) -> Answered {
    let layers = ServiceBuilder::new().layer(AuthenticateLayer::new(by_bearer())).layer(cors());
    send(layers.service(service_fn(whoami)), request).await
}

#[tokio::test]
async fn row_27_outside_preflights_are_answered_and_a_script_can_read_the_401() {
    let answer = outside(preflight()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.one("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(answer.one("access-control-allow-headers"), Some("authorization"));

    let refused = outside(support::request(&[("origin", ORIGIN), ("sec-fetch-mode", "cors")])).await;
    assert_eq!((refused.status.as_u16(), refused.challenges()), (401, vec![r#"Bearer realm="r""#]));
    assert_eq!(refused.one("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(refused.one("access-control-expose-headers"), Some("www-authenticate"));

    let good = outside(support::request(&[("origin", ORIGIN), ("authorization", &bearer())])).await;
    assert_eq!((good.body.as_str(), good.one("access-control-allow-origin")), ("alice", Some(ORIGIN)));
}

#[tokio::test]
async fn row_27_inside_preflights_are_refused_and_a_script_cannot_read_the_401() {
    let answer = inside(preflight()).await;
    assert_eq!(answer.status, 401, "preflights are not special here");
    let refused = inside(support::request(&[("origin", ORIGIN)])).await;
    assert_eq!(refused.one("access-control-allow-origin"), None);
}
