//! Nothing that a client sends turns a refusal into a status of 2xx, which a proxy that decides by the status takes for a pass.
#![cfg(feature = "axum")]

mod support;

use http::{HeaderName, HeaderValue, Method, Request, Version};
use proptest::{prelude::*, sample::select};
use support::{
    example::{Example, curl},
    nginx::Nginx,
    now,
    secrets::*,
};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_authn::{AuthenticateLayer, Authenticator, Rejection, respond::Redirect};

/// Headers that some server reads as an order to answer otherwise.
const HOSTILE: [(&str, &str); 24] = [
    ("content-type", "application/grpc"),
    ("content-type", "application/grpc+proto"),
    ("content-type", "application/grpc-web"),
    ("content-type", "application/grpc-web-text"),
    ("content-type", "application/grpcx"),
    ("te", "trailers"),
    ("x-grpc-web", "1"),
    ("x-http-method-override", "POST"),
    ("x-http-method-override", "OPTIONS"),
    ("x-method-override", "HEAD"),
    ("x-original-method", "POST"),
    ("upgrade", "websocket"),
    ("upgrade", "h2c"),
    ("connection", "upgrade"),
    ("accept", "text/html"),
    ("accept", "application/grpc"),
    ("accept", "*/*;q=0"),
    ("origin", "https://evil.example"),
    ("access-control-request-method", "POST"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-mode", "cors"),
    ("x-requested-with", "XMLHttpRequest"),
    ("expect", "100-continue"),
    ("x-forwarded-for", "127.0.0.1"),
];

/// Bearer, Basic or a key, none of which is sent right below.
fn stack() -> impl Authenticator<Identity = &'static str> {
    by_bearer().or(by_basic()).or(by_key())
}

fn methods() -> impl Strategy<Value = Method> {
    select(
        ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "CONNECT", "PRI"]
            .map(|name| name.parse().unwrap())
            .to_vec(),
    )
}

fn versions() -> impl Strategy<Value = Version> {
    select(vec![Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3])
}

fn headers() -> impl Strategy<Value = Vec<(HeaderName, HeaderValue)>> {
    let hostile =
        select(HOSTILE.to_vec()).prop_map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let names = select(vec!["content-type", "accept", "authorization", "x-api-key", "cookie", "te", "x-any"]);
    let values = prop_oneof![
        "[ -~]{0,24}".prop_map(String::into_bytes),
        "application/grpc(-web)?(-text)?[+; a-z]{0,4}".prop_map(String::into_bytes),
        "(Basic|Bearer|DPoP) [ -~]{0,12}".prop_map(String::into_bytes),
        prop::collection::vec(0x80_u8.., 0..8),
    ];
    let random = (names, values).prop_map(|(name, value)| (name.to_owned(), value));
    let header = prop_oneof![hostile, random].prop_map(|(name, value)| {
        let value = HeaderValue::from_bytes(&value).unwrap_or(HeaderValue::from_static(""));
        (HeaderName::try_from(name).unwrap(), value)
    });
    prop::collection::vec(header, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_answer_to_a_refused_request_is_2xx(method in methods(), version in versions(), headers in headers()) {
        let mut request = Request::builder().method(method).version(version).uri("/").body(support::Body::default()).unwrap();
        request.headers_mut().extend(headers);
        let plain = AuthenticateLayer::new(stack()).layer(service_fn(support::whoami));
        let redirected = AuthenticateLayer::new(stack()).respond_with(Redirect::to("/login"));
        let redirected = redirected.layer(service_fn(support::whoami));
        let inside = service_fn(|_| async {
            Ok::<_, std::convert::Infallible>(Rejection::insufficient().into_response::<support::Body>())
        });
        let inside = AuthenticateLayer::new(stack().optional()).layer(inside);
        for response in [
            now(plain.oneshot(request.clone())).unwrap(),
            now(redirected.oneshot(request.clone())).unwrap(),
            now(inside.oneshot(request)).unwrap(),
        ] {
            let status = response.status();
            prop_assert!(status.is_redirection() || status.is_client_error() || status.is_server_error(), "{status}");
        }
    }
}

/// The example behind nginx's `auth_request`, which lets pass what is answered 2xx.
#[test]
fn nginx_auth_request_lets_nothing_pass_that_is_refused() {
    let secrets =
        [("DEMO_PASSWORD", PASSWORD), ("DEMO_TOKEN", TOKEN), ("DEMO_ADMIN_TOKEN", "p0BvVqQ2cWm8sYtLx4Nf7a")];
    let example = Example::start("quickstart", &secrets);
    let check = format!(
        "auth_request /check; proxy_pass {0}; }} location = /check {{ internal; proxy_pass {0}/whoami; \
         proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }} location /unused {{ ",
        example.url
    );
    let Some(nginx) = Nginx::start("auth-request", &example.url, &[&check]) else { return };
    let url = format!("http://127.0.0.1:{}/", nginx.ports[0]);
    let token = format!("Authorization: Bearer {TOKEN}");
    let Some((head, body)) = curl(&["-H", &token, &url]) else { return };
    assert!(head.starts_with("HTTP/1.1 200"), "good credentials pass: {head}\n{body}");
    let (head, _) = curl(&[&url]).unwrap();
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let challenge = "www-authenticate: bearer realm=\"quickstart\"";
    assert!(head.to_lowercase().contains(challenge), "the first line is forwarded: {head}");
    for (name, value) in HOSTILE {
        for method in ["GET", "POST", "PUT", "OPTIONS"] {
            let header = format!("{name}: {value}");
            let (head, _) = curl(&["-X", method, "-H", &header, &url]).unwrap();
            let status: u16 = head[9..12].parse().unwrap();
            assert!(status >= 400, "{method} with {header}: {head}");
        }
    }
}
