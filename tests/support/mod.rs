//! What the tests share. Each file of tests uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::{
    convert::Infallible,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::{Layer, Service, ServiceExt as _, service_fn};
use tower_authn::{AuthenticateLayer, Authenticated, Authenticator, Respond};

pub mod chromium;
pub mod example;
pub mod folder;
pub mod htpasswd;
pub mod hung;
#[cfg(feature = "tracing")]
pub mod log;
pub mod mint;
pub mod nginx;
pub mod openid;
#[cfg(feature = "jwt-aws-lc")]
pub mod provider;
pub mod proxy;
pub mod redis;
pub mod secrets;
#[cfg(all(feature = "session", feature = "testing"))]
pub mod session;
#[cfg(feature = "passwords")]
pub mod sign_in;
pub mod site;
#[cfg(feature = "drain")]
pub mod upload;
pub mod vectors;

/// Says that a test is skipped for lack of something; with `CI` set, that is a failure.
pub fn skipped(missing: &str) {
    assert!(std::env::var_os("CI").is_none(), "{missing} not found, and CI is set");
    println!("skipped: {missing} not found");
}

/// Says that a test is skipped for lack of something that no package brings: not every machine of a
/// CI has it.
pub fn skipped_anywhere(why: &str) {
    println!("skipped: {why}");
}

pub type Body = Full<Bytes>;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    pub extensions: http::Extensions,
}

impl Answered {
    /// All values of a header, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    pub fn challenges(&self) -> Vec<&str> {
        self.all("www-authenticate")
    }

    /// The only value of a header.
    pub fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} occurs {} times", all.len());
        all.first().copied()
    }

    /// All headers as `name: value` lines, sorted by name.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort_by(|a, b| a.split(':').next().cmp(&b.split(':').next()));
        lines
    }
}

/// A request with some headers and an empty body.
pub fn request(headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::default()).unwrap()
}

/// Sends a request to a service.
pub async fn send<S>(service: S, request: Request<Body>) -> Answered
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: std::fmt::Debug,
{
    #[cfg(feature = "tracing")]
    log::to_file();
    let (head, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
        extensions: head.extensions,
    }
}

/// Sends a request with these headers through the layer to a service that says who it is.
pub async fn ask<A>(authenticator: A, headers: &[(&str, &str)]) -> Answered
where
    A: Authenticator<Identity = &'static str>,
{
    ask_layer(AuthenticateLayer::new(authenticator), headers).await
}

pub async fn ask_layer<A, R>(layer: AuthenticateLayer<A, R>, headers: &[(&str, &str)]) -> Answered
where
    A: Authenticator<Identity = &'static str>,
    R: Respond<Body>,
{
    send(layer.layer(service_fn(whoami)), request(headers)).await
}

/// Runs a future that never waits.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Answers the name of who was let in.
pub async fn whoami(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let name =
        Authenticated::<&'static str>::of(request.extensions()).unwrap().map_or("nobody", |user| *user);
    Ok(Response::new(Full::from(name)))
}
