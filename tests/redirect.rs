//! Row 18: who opens a page is led to the one to sign in, and back.
#![cfg(feature = "axum")]

mod support;

use axum::{Router, extract::OriginalUri, http::HeaderName, routing::any};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, Demand, Reason, Rejection, RequireLayer, Scheme as _,
    Users,
    respond::{ProblemJson, Redirect},
    scheme::{Basic, SessionCookie, SessionToken},
};

/// No session is known; one is too weak, one is refused, and for one the store is down.
fn by_session() -> impl Authenticator<Identity = ()> + Clone {
    let find = |token: SessionToken| {
        let answer = match token.expose() {
            "weak" => Err(Rejection::step_up(Demand::MaxAge(std::time::Duration::from_secs(60)))),
            "refused" => Ok(None),
            "down" => Err(Rejection::unavailable()),
            "poor" => Err(Rejection::insufficient()),
            _ => Err(token.ended(Reason::Unknown)),
        };
        std::future::ready(answer)
    };
    SessionCookie::new("web").validated_by(find)
}

fn app() -> Router {
    let layer = AuthenticateLayer::new(by_session()).respond_with(Redirect::to("/login"));
    Router::new().fallback(any(async || "in")).layer(layer)
}

const PAGE: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const NAVIGATION: (&str, &str) = ("sec-fetch-mode", "navigate");

async fn ask(
    app: Router,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, Bytes) {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) =
        app.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

/// Asserts where a page leads.
#[track_caller]
fn leads(answer: &(StatusCode, HeaderMap, Bytes), status: u16, location: &str) {
    assert_eq!((answer.0.as_u16(), answer.1["location"].to_str().unwrap()), (status, location));
    assert!(!answer.1.contains_key("www-authenticate"));
    assert_eq!(answer.1["cache-control"], "no-store");
}

#[track_caller]
fn stays(answer: &(StatusCode, HeaderMap, Bytes), status: u16) {
    assert_eq!((answer.0.as_u16(), answer.1.get("location")), (status, None));
    assert_eq!(answer.1.contains_key("www-authenticate"), status == 401);
}

#[tokio::test]
async fn row_18_get_and_head_are_302_with_the_way_back_other_methods_303_without() {
    for method in [Method::GET, Method::HEAD] {
        let answer = ask(app(), method.clone(), "/me?tab=2&q=a%20b", &[PAGE]).await;
        leads(&answer, 302, "/login?next=/me%3Ftab%3D2%26q%3Da%2520b");
        assert_eq!(answer.2.is_empty(), method == Method::HEAD, "a body, but for HEAD");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        leads(&ask(app(), method, "/me?tab=2", &[PAGE]).await, 303, "/login");
    }
    leads(&ask(app(), Method::GET, "/me", &[NAVIGATION]).await, 302, "/login?next=/me");
}

#[tokio::test]
async fn row_18_a_dead_cookie_is_expired_on_the_way() {
    let answer = ask(app(), Method::GET, "/me", &[PAGE, ("cookie", "__Host-session=dead")]).await;
    leads(&answer, 302, "/login?next=/me");
    assert!(answer.1["set-cookie"].to_str().unwrap().ends_with("Max-Age=0"));
}

#[tokio::test]
async fn row_18_scripts_programs_and_grpc_get_the_401() {
    let script = ("sec-fetch-mode", "cors");
    let by_hand = ("x-requested-with", "XMLHttpRequest");
    for headers in [&[][..], &[("accept", "*/*")], &[PAGE, script], &[PAGE, by_hand], &[NAVIGATION, by_hand]]
    {
        stays(&ask(app(), Method::GET, "/me", headers).await, 401);
    }
    let layer = AuthenticateLayer::new(by_session()).for_grpc_web().respond_with(Redirect::to("/login"));
    let app = Router::new().fallback(any(async || "in")).layer(layer);
    let (status, headers, _) =
        ask(app, Method::POST, "/me", &[PAGE, ("content-type", "application/grpc-web")]).await;
    assert_eq!((status.as_u16(), headers.get("location")), (200, None));
    assert_eq!(headers["grpc-status"], "16");
}

#[tokio::test]
async fn row_18_only_in_place_of_a_401_that_a_sign_in_mends() {
    let cookie = async |value: &str| {
        ask(app(), Method::GET, "/me", &[PAGE, ("cookie", &format!("__Host-session={value}"))]).await
    };
    leads(&cookie("weak").await, 302, "/login?next=/me");
    stays(&cookie("refused").await, 401);
    stays(&cookie("down").await, 503);
    stays(&cookie("poor").await, 403);
}

#[tokio::test]
async fn row_18_beside_basic_a_page_leads_to_the_form_without_a_prompt() {
    let users = Users::new().with("alice", "wonderland", ());
    let layer = AuthenticateLayer::new(by_session().or(Basic::new("web").validated_by(users)))
        .respond_with(Redirect::to("/login"));
    let app = Router::new().fallback(any(async || "in")).layer(layer);
    leads(&ask(app.clone(), Method::GET, "/me", &[PAGE]).await, 302, "/login?next=/me");
    let wrong = [PAGE, ("authorization", "Basic YWxpY2U6d3Jvbmc="), ("cookie", "__Host-session=dead")];
    let answer = ask(app.clone(), Method::GET, "/me", &wrong).await;
    stays(&answer, 401); // who sent a password is told that it is wrong
    assert_eq!(answer.1["set-cookie"], "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    let script = ask(app.clone(), Method::GET, "/me", &[("sec-fetch-mode", "cors")]).await;
    stays(&script, 401);
    assert_eq!(script.1["www-authenticate"], r#"Session realm="web""#, "no prompt");
    let right = [PAGE, ("authorization", "Basic YWxpY2U6d29uZGVybGFuZA==")];
    stays(&ask(app, Method::GET, "/me", &right).await, 200);
}

#[tokio::test]
async fn row_18_what_a_handler_or_a_requirement_refuses_leads_to_the_form_too() {
    let layer = AuthenticateLayer::new(by_session().optional()).respond_with(Redirect::to("/login"));
    let too_old = || Rejection::step_up(Demand::MaxAge(std::time::Duration::from_secs(60)));
    let recent = RequireLayer::new(move |_: &Option<()>| Err::<(), _>(too_old()));
    let app = Router::new()
        .route("/recent", any(async || "in").layer(recent))
        .route("/mine", any(async |_: Authenticated<()>| "in"))
        .route("/poor", any(async || Rejection::insufficient()))
        .layer(layer);
    leads(&ask(app.clone(), Method::GET, "/recent", &[PAGE]).await, 302, "/login?next=/recent");
    leads(&ask(app.clone(), Method::GET, "/mine", &[PAGE]).await, 302, "/login?next=/mine");
    leads(&ask(app.clone(), Method::POST, "/mine", &[PAGE]).await, 303, "/login");
    stays(&ask(app.clone(), Method::GET, "/mine", &[]).await, 401);
    stays(&ask(app, Method::GET, "/poor", &[PAGE]).await, 403);
}

#[tokio::test]
async fn row_18_a_websocket_is_refused_before_the_upgrade() {
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-fetch-mode", "websocket")];
    stays(&ask(app(), Method::GET, "/feed", &upgrade).await, 401);
    stays(&ask(app(), Method::GET, "/feed", &upgrade[..2]).await, 401);
}

#[tokio::test]
async fn row_18_never_a_loop() {
    // With a slash at its end, it is what a router that tidies up leads to.
    for path in ["/login", "/login?next=/login", "/login?x", "/login/", "/login/?next=/login/"] {
        stays(&ask(app(), Method::GET, path, &[PAGE]).await, 401);
    }
    // Inside `nest`, where the layer does not know of the prefix.
    let layer = AuthenticateLayer::new(by_session()).respond_with(Redirect::to("/app/login"));
    let nested = Router::new().nest("/app", Router::new().route("/login", any(async || "in")).layer(layer));
    stays(&ask(nested, Method::GET, "/app/login?next=/", &[PAGE]).await, 401);
}

#[tokio::test]
async fn row_18_the_way_back_stays_on_the_site() {
    leads(&ask(app(), Method::GET, "//evil.example/", &[PAGE]).await, 302, "/login");
    leads(&ask(app(), Method::GET, "/%5Cevil.example", &[PAGE]).await, 302, "/login?next=/%255Cevil.example");
    leads(&ask(app(), Method::GET, "http://evil.example/me", &[PAGE]).await, 302, "/login?next=/me");
    leads(&ask(app(), Method::GET, &format!("/{}", "a".repeat(2048)), &[PAGE]).await, 302, "/login");
    let forwarded =
        [PAGE, ("x-forwarded-host", "evil.example"), ("x-forwarded-uri", "/evil"), ("x-original-url", "/e")];
    leads(&ask(app(), Method::GET, "/me", &forwarded).await, 302, "/login?next=/me");
}

#[tokio::test]
async fn row_18_the_way_back_stands_before_a_fragment() {
    for (sign_in, location) in [
        ("/login#form", "/login?next=/me#form"),
        ("/login?a=1#form", "/login?a=1&next=/me#form"),
        ("/login#a?b", "/login?next=/me#a?b"),
    ] {
        let layer = AuthenticateLayer::new(by_session()).respond_with(Redirect::to(sign_in));
        let app = Router::new().fallback(any(async || "in")).layer(layer);
        leads(&ask(app.clone(), Method::GET, "/me", &[PAGE]).await, 302, location);
        leads(&ask(app.clone(), Method::POST, "/me", &[PAGE]).await, 303, sign_in);
        stays(&ask(app, Method::GET, "/login", &[PAGE]).await, 401);
    }
}

#[tokio::test]
async fn row_18_the_way_back_is_whole_inside_nest() {
    let layer = AuthenticateLayer::new(by_session())
        .respond_with(Redirect::to("/login?from=shop").or(ProblemJson))
        .target_from(|extensions| extensions.get::<OriginalUri>().map(|original| &original.0));
    let orders = Router::new().route("/orders", any(async || "in")).layer(layer);
    let answer = ask(Router::new().nest("/shop", orders), Method::GET, "/shop/orders?page=2", &[PAGE]).await;
    leads(&answer, 302, "/login?from=shop&next=/shop/orders%3Fpage%3D2");
    assert_eq!(
        answer.1[HeaderName::from_static("content-type")],
        "application/problem+json",
        "drawn by the other"
    );
}

#[test]
fn a_page_to_sign_in_that_is_no_path_is_a_mistake_when_configured() {
    for elsewhere in ["https://id.example/", "//id.example", "login", "", "/log in"] {
        assert!(std::panic::catch_unwind(|| Redirect::to(elsewhere)).is_err(), "{elsewhere}");
    }
}
