//! The layer in axum: where it is put, and what handlers get.
#![cfg(feature = "axum")]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use support::{Answered, secrets::*};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tower::{ServiceExt as _, util::option_layer};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, BearerToken, Rejection, RequireLayer, Scheme as _,
    Tokens,
    scheme::{ApiKey, Bearer},
};

fn layer() -> AuthenticateLayer<impl Authenticator<Identity = &'static str>> {
    AuthenticateLayer::new(by_bearer())
}

async fn whoami(user: Authenticated<&'static str>) -> &'static str {
    *user
}

async fn maybe(user: Option<Authenticated<&'static str>>) -> &'static str {
    user.map_or("nobody", |user| *user)
}

async fn open() -> &'static str {
    "open"
}

async fn get_from(app: &Router, path: &str, headers: &[(&str, &str)]) -> Answered {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answered { status: head.status, headers: head.headers, body, extensions: head.extensions }
}

async fn status(app: &Router, path: &str) -> u16 {
    get_from(app, path, &[]).await.status.as_u16()
}

async fn with_token(app: &Router, path: &str) -> String {
    get_from(app, path, &[("authorization", &bearer())]).await.body
}

// ===== extractors =====

#[tokio::test]
async fn extractors_under_a_layer() {
    let app = Router::new().route("/", get(whoami)).route("/maybe", get(maybe)).layer(layer());
    assert_eq!(
        (with_token(&app, "/").await, with_token(&app, "/maybe").await),
        ("alice".into(), "alice".into())
    );
    assert_eq!((status(&app, "/").await, status(&app, "/maybe").await), (401, 401));
}

#[tokio::test]
async fn extractors_under_optional() {
    let optional = AuthenticateLayer::new(by_bearer().or(by_basic()).optional());
    let app = Router::new().route("/", get(whoami)).route("/maybe", get(maybe)).layer(optional);
    assert_eq!(
        (with_token(&app, "/").await, with_token(&app, "/maybe").await),
        ("alice".into(), "alice".into())
    );
    assert_eq!(get_from(&app, "/maybe", &[]).await.body, "nobody");
    let nobody = get_from(&app, "/", &[]).await;
    assert_eq!(nobody.status, 401, "the extractor asks, the layer draws");
    assert_eq!(nobody.challenges(), [r#"Bearer realm="r""#, r#"Basic realm="r", charset="UTF-8""#]);
    assert_eq!(nobody.one("content-type"), Some("application/problem+json"));
}

#[tokio::test]
async fn row_31_no_layer_at_all_is_500_for_both_and_names_nothing() {
    let app = Router::new().route("/", get(whoami)).route("/maybe", get(maybe));
    for path in ["/", "/maybe"] {
        let answer = get_from(&app, path, &[("authorization", &bearer())]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, ""));
        assert!(!answer.lines().join(" ").contains("str"), "{:?}", answer.lines());
    }
}

#[tokio::test]
async fn several_identity_types_in_one_app() {
    #[derive(Clone)]
    struct App(u32);
    async fn both(app: Authenticated<App>, user: Authenticated<&'static str>) -> String {
        format!("{} {}", app.0, *user)
    }
    let keys = Tokens::new();
    keys.insert(KEY, App(7)).unwrap();
    let app = Router::new()
        .route("/both", get(both))
        .layer(layer())
        .route("/app", get(|app: Authenticated<App>| async move { app.0.to_string() }))
        .layer(AuthenticateLayer::new(ApiKey::new("app").validated_by(keys)))
        .route("/user", get(whoami));
    let (token, key) = (bearer(), ("x-api-key", KEY));
    assert_eq!(get_from(&app, "/both", &[("authorization", &token), key]).await.body, "7 alice");
    assert_eq!(get_from(&app, "/app", &[key]).await.body, "7");
    let answer = get_from(&app, "/both", &[key]).await;
    assert_eq!((answer.status.as_u16(), answer.challenges()), (401, vec![r#"Bearer realm="r""#]));
    assert_eq!(status(&app, "/user").await, 500, "added after the layers: it fails closed");
}

#[tokio::test]
async fn handlers_and_extractors_return_rejections() {
    async fn failing(_: Authenticated<&'static str>) -> Result<&'static str, Rejection> {
        Err(std::io::Error::other("no database"))?
    }
    async fn denied(_: Authenticated<&'static str>) -> Result<&'static str, Rejection> {
        Err(Rejection::insufficient_scope("write"))
    }
    let app =
        Router::new().route("/failing", get(failing)).route("/denied", get(denied)).route_layer(layer());
    let token = bearer();
    let failing = get_from(&app, "/failing", &[("authorization", &token)]).await;
    assert_eq!((failing.status.as_u16(), failing.one("retry-after")), (503, Some("5")));
    assert!(failing.body.contains("unavailable") && !failing.body.contains("database"), "{}", failing.body);
    let denied = get_from(&app, "/denied", &[("authorization", &token)]).await;
    assert_eq!(denied.challenges(), [r#"Bearer error="insufficient_scope", scope="write", realm="r""#]);
    let answer = Rejection::insufficient().into_response() as Response;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

// ===== where the layer goes =====

#[tokio::test]
async fn route_layer_leaves_404_and_layer_does_not() {
    let by_route = Router::new().route("/in", get(whoami)).route_layer(layer());
    assert_eq!((status(&by_route, "/in").await, status(&by_route, "/nowhere").await), (401, 404));
    let by_layer = Router::new().route("/in", get(whoami)).layer(layer());
    assert_eq!((status(&by_layer, "/in").await, status(&by_layer, "/nowhere").await), (401, 401));
    // A known path with a wrong method is a route, so it is asked for credentials first.
    let posted = Request::post("/in").body(Body::empty()).unwrap();
    assert_eq!(by_route.oneshot(posted).await.unwrap().status(), 401);
}

#[tokio::test]
async fn routes_and_fallbacks_added_after_the_layer_are_open_and_extractors_fail_closed() {
    let app = Router::new()
        .route("/in", get(whoami))
        .layer(layer())
        .route("/after", get(open))
        .route("/after-with-extractor", get(whoami))
        .fallback(open);
    assert_eq!(get_from(&app, "/after", &[]).await.body, "open");
    assert_eq!(get_from(&app, "/nowhere", &[]).await.body, "open");
    assert_eq!(status(&app, "/after-with-extractor").await, 500);
    let before = Router::new().route("/in", get(whoami)).fallback(open).layer(layer());
    assert_eq!(status(&before, "/nowhere").await, 401);
    // `route_layer` never covers the fallback.
    let by_route = Router::new().route("/in", get(whoami)).fallback(open).route_layer(layer());
    assert_eq!(get_from(&by_route, "/nowhere", &[]).await.body, "open");
}

#[tokio::test]
async fn nest_and_merge_keep_each_routers_own_layer() {
    let protected = Router::new().route("/in", get(whoami)).route_layer(layer());
    let app = Router::new().nest("/api", protected.clone()).route("/", get(open));
    assert_eq!((status(&app, "/api/in").await, status(&app, "/").await), (401, 200));
    assert_eq!(with_token(&app, "/api/in").await, "alice");
    let app = protected.merge(Router::new().route("/", get(open)));
    assert_eq!((status(&app, "/in").await, status(&app, "/").await), (401, 200));
}

#[tokio::test]
async fn a_nested_router_without_a_fallback_of_its_own_uses_the_open_one_outside() {
    let inner = || Router::new().route("/in", get(whoami));
    let outside = |inner: Router| Router::new().nest("/api", inner).fallback(open);
    let inherited = outside(inner().layer(layer()));
    assert_eq!(status(&inherited, "/api/in").await, 401);
    for trick in ["/api/nowhere", "/api/in/", "/api//in", "/api/%69n", "/api", "/api/", "//api/in"] {
        assert_eq!(get_from(&inherited, trick, &[]).await.body, "open", "{trick}");
    }
    let own = outside(inner().fallback(open).layer(layer()));
    for trick in ["/api/nowhere", "/api/in/", "/api//in", "/api/%69n", "/api"] {
        assert_eq!(status(&own, trick).await, 401, "{trick}");
    }
    for trick in ["/api/", "//api/in"] {
        assert_eq!(get_from(&own, trick, &[]).await.body, "open", "{trick} is not below /api for axum");
    }
}

#[tokio::test]
async fn merge_keeps_the_fallback_of_the_router_that_is_merged_in() {
    let protected = || Router::new().route("/in", get(whoami)).layer(layer());
    let public = || Router::new().route("/out", get(open));
    assert_eq!(status(&public().merge(protected()), "/nowhere").await, 401);
    assert_eq!(status(&protected().merge(public()), "/nowhere").await, 404);
    for app in [public().merge(protected()), protected().merge(public())] {
        assert_eq!((status(&app, "/in").await, status(&app, "/out").await), (401, 200));
    }
}

#[tokio::test]
async fn a_layer_on_one_method_leaves_the_others_open() {
    let app = Router::new().route("/", get(whoami).layer(layer()).post(open));
    assert_eq!(status(&app, "/").await, 401);
    let posted = app.oneshot(Request::post("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(posted.status(), 200, "added after the layer");
}

#[tokio::test]
async fn inside_nest_the_layer_sees_the_stripped_path() {
    let shows_target = layer().respond_with(|answer: &tower_authn::Answer<'_>| {
        Response::new(Body::from(answer.asked().target().path().to_owned()))
    });
    let app = Router::new().nest("/api", Router::new().route("/in", get(whoami)).layer(shows_target));
    assert_eq!(get_from(&app, "/api/in", &[]).await.body, "/in");
}

#[tokio::test]
async fn option_layer_switches_it_on_and_off() {
    let app = |on: bool| Router::new().route("/", get(maybe)).layer(option_layer(on.then(layer)));
    assert_eq!(status(&app(true), "/").await, 401);
    assert_eq!(status(&app(false), "/").await, 500, "without the layer, the extractor fails closed");
}

#[tokio::test]
async fn path_tricks_reach_the_fallback_and_never_the_route() {
    let tricks = ["/admin/", "//admin", "/ADMIN", "/./admin", "/x/../admin"];
    let admin = || Router::new().route("/admin", get(|| async { "admin" }));
    let open_fallback = admin().route_layer(layer()).fallback(open);
    let covered = admin().fallback(open).layer(layer());
    assert_eq!(status(&open_fallback, "/admin").await, 401);
    for trick in tricks {
        assert_eq!(
            get_from(&open_fallback, trick, &[]).await.body,
            "open",
            "{trick}: a fallback that is not protected"
        );
        assert_eq!(status(&covered, trick).await, 401, "{trick}: a fallback that is");
    }
    // Percent-encoded or not, axum matches the text: the route is not reached.
    assert_eq!(get_from(&open_fallback, "/%61dmin", &[]).await.body, "open");
    assert_eq!(status(&covered, "/%61dmin").await, 401);
}

#[tokio::test]
async fn requirements_on_inner_routes() {
    let app = Router::new()
        .route("/bob", get(whoami).route_layer(RequireLayer::new(|user: &&'static str| *user == "bob")))
        .route("/any", any(whoami))
        .route_layer(layer());
    let token = bearer();
    let denied = get_from(&app, "/bob", &[("authorization", &token), ("accept", "text/html")]).await;
    assert_eq!((denied.status.as_u16(), denied.one("content-type")), (403, Some("text/html; charset=utf-8")));
    assert_eq!(with_token(&app, "/any").await, "alice");
    assert_eq!(status(&app, "/bob").await, 401, "who is not known is asked first");
}

// ===== over a socket =====

/// Serves on a free port.
async fn serve(app: Router) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Serves on a free port, sends this text, and reads the head of the answer.
async fn raw(app: Router, text: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(serve(app).await).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    (stream, head)
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_connection_stays_open_after_a_rejection() {
    let app = Router::new().route("/", get(whoami)).route_layer(layer());
    let (mut stream, refused) = raw(app, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let again = format!("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", bearer());
    stream.write_all(again.as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_validator_that_panics_ends_its_own_connection_and_no_other() {
    let fragile = Bearer::new("r").validated_by(|token: BearerToken| async move {
        assert_ne!(token.expose(), "boom", "a mistake in the app");
        Ok::<_, Rejection>((token.expose() == TOKEN).then_some("alice"))
    });
    let app = Router::new().route("/", get(whoami)).route_layer(AuthenticateLayer::new(fragile));
    let address = serve(app).await;
    for (token, answer) in
        [("boom", ""), (TOKEN, "HTTP/1.1 200 OK"), ("boom", ""), (TOKEN, "HTTP/1.1 200 OK")]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text.lines().next().unwrap_or_default(), answer);
    }
}

#[tokio::test]
async fn the_request_body_is_not_read_where_the_request_is_turned_away() {
    let read = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&read);
    let body = Body::new(Watched(flag));
    let app = Router::new()
        .route("/", post(|_: Authenticated<&'static str>, body: Bytes| async move { body }))
        .layer(layer());
    let answer = app.clone().oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), read.load(Ordering::SeqCst)), (401, false));
    // A megabyte is announced and never sent: the answer is there all the same.
    let (_, answer) = raw(app, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

/// A body that says when it is read.
struct Watched(Arc<AtomicBool>);

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        self.0.store(true, Ordering::SeqCst);
        std::task::Poll::Ready(None)
    }
}

#[tokio::test]
async fn row_29_a_websocket_is_refused_before_the_upgrade_and_works_after_it() {
    async fn upgrade(user: Authenticated<&'static str>, mut request: Request) -> Response {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
            // One unmasked text frame (RFC 6455 §5.2), then the close.
            let frame = [&[0x81, u8::try_from(user.len()).unwrap()], user.as_bytes(), &[0x88, 0]].concat();
            io.write_all(&frame).await.unwrap();
        });
        let headers = [(header::UPGRADE, "websocket"), (header::CONNECTION, "upgrade")];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }
    let app = Router::new().route("/socket", get(upgrade)).route_layer(layer());
    let request = |authorization: &str| {
        format!(
            "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n"
        )
    };
    let (_, refused) = raw(app.clone(), &request("")).await;
    assert!(refused.starts_with("HTTP/1.1 401") && !refused.contains("101"), "{refused}");
    assert!(refused.contains("www-authenticate: Bearer realm=\"r\""), "{refused}");

    let (mut stream, accepted) = raw(app, &request(&format!("Authorization: {}\r\n", bearer()))).await;
    assert!(accepted.starts_with("HTTP/1.1 101"), "{accepted}");
    let mut frames = Vec::new();
    stream.read_to_end(&mut frames).await.unwrap();
    assert_eq!(frames, b"\x81\x05alice\x88\x00");
}

#[tokio::test]
async fn head_gets_the_headers_of_get_and_no_body() {
    let app = Router::new().route("/", get(whoami)).route_layer(layer());
    let ask = |method: &str| format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let (mut stream, mut get) = raw(app.clone(), &ask("GET")).await;
    stream.read_to_string(&mut get).await.unwrap();
    let (mut stream, mut head) = raw(app, &ask("HEAD")).await;
    stream.read_to_string(&mut head).await.unwrap();
    let without_date =
        |text: &str| text.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n");
    let (get_head, body) = get.split_once("\r\n\r\n").unwrap();
    assert_eq!(without_date(get_head), without_date(head.trim_end()));
    assert!(!body.is_empty() && head.ends_with("\r\n\r\n"));
}
