//! Row 28: a tonic client and a tonic service, with the layer in between.

mod support;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Buf as _, BufMut as _};
use http::{Request, Response, Version, uri::PathAndQuery};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use support::secrets::*;
use tonic::{
    Code, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_authn::{AuthenticateLayer, Authenticated, Authenticator, Rejection, observe::Event};

/// Messages that are bytes, so that no code has to be generated.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut item);
        Ok(Some(item))
    }
}

/// A tonic method that answers who calls it.
async fn whoami(request: Request<tonic::body::Body>) -> Result<Response<tonic::body::Body>, Infallible> {
    let method = |request: tonic::Request<Vec<u8>>| async move {
        let user = Authenticated::<&'static str>::of(request.extensions());
        match user {
            Ok(Some(user)) => Ok(tonic::Response::new(user.as_bytes().to_vec())),
            _ => Err(Status::internal("no identity")),
        }
    };
    let method = Method(method);
    Ok(tonic::server::Grpc::new(Raw).unary(method, request).await)
}

struct Method<F>(F);

impl<F, Fut> tower::Service<tonic::Request<Vec<u8>>> for Method<F>
where
    F: FnMut(tonic::Request<Vec<u8>>) -> Fut,
    Fut: Future<Output = Result<tonic::Response<Vec<u8>>, Status>>,
{
    type Response = tonic::Response<Vec<u8>>;
    type Error = Status;
    type Future = Fut;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Status>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Vec<u8>>) -> Fut {
        self.0(request)
    }
}

/// Serves one connection behind the authenticator, and returns its URL.
async fn serve(authenticator: impl Authenticator<Identity = &'static str>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let layer = AuthenticateLayer::new(authenticator).for_grpc();
    let service = layer.layer(service_fn(whoami));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service
            .map_request(|request: Request<hyper::body::Incoming>| request.map(tonic::body::Body::new));
        let connection = auto::Builder::new(TokioExecutor::new());
        let _ = connection.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
    });
    url
}

/// Calls a server of its own with this `authorization`.
async fn call(
    authenticator: impl Authenticator<Identity = &'static str>,
    authorization: Option<&str>,
) -> Result<String, Status> {
    let url = serve(authenticator).await;
    let channel = tonic::transport::Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = tonic::Request::new(Vec::new());
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", MetadataValue::try_from(authorization).unwrap());
    }
    let answer = client.unary(request, PathAndQuery::from_static("/test.Whoami/Ask"), Raw).await;
    answer.map(|answer| String::from_utf8(answer.into_inner()).unwrap())
}

#[tokio::test]
async fn row_28_a_tonic_client_gets_in_with_good_credentials() {
    assert_eq!(call(by_bearer(), Some(&bearer())).await.unwrap(), "alice");
}

#[tokio::test]
async fn row_28_a_tonic_client_understands_every_rejection() {
    let none = call(by_bearer(), None).await.unwrap_err();
    assert_eq!((none.code(), none.message()), (Code::Unauthenticated, "unauthenticated"));
    assert_eq!(none.metadata().get("www-authenticate").unwrap(), r#"Bearer realm="r""#);
    let cases: [(fn() -> Rejection, Code); 6] = [
        (Rejection::invalid, Code::Unauthenticated),
        (Rejection::insufficient, Code::PermissionDenied),
        (|| Rejection::throttled(Duration::from_secs(1)), Code::ResourceExhausted),
        (Rejection::unavailable, Code::Unavailable),
        (Rejection::malformed, Code::InvalidArgument),
        (|| Rejection::misconfigured("a mistake"), Code::Internal),
    ];
    for (rejection, code) in cases {
        assert_eq!(call(bearer_that(rejection), Some("Bearer x")).await.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn row_28_streams_are_refused_before_they_begin() {
    let url = serve(by_bearer()).await;
    let channel = || tonic::transport::Channel::from_shared(url.clone()).unwrap().connect_lazy();
    let path = PathAndQuery::from_static("/test.Whoami/Ask");
    let stream = || tonic::Request::new(tokio_stream::iter([Vec::new()]));
    let mut client = tonic::client::Grpc::new(channel());
    client.ready().await.unwrap();
    let answers = client.server_streaming(tonic::Request::new(Vec::new()), path.clone(), Raw).await;
    assert_eq!(answers.unwrap_err().code(), Code::Unauthenticated);
    client.ready().await.unwrap();
    let answer = client.client_streaming(stream(), path.clone(), Raw).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated);
    client.ready().await.unwrap();
    let both = client.streaming(stream(), path, Raw).await;
    assert_eq!(both.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn row_28_a_tonic_client_reads_how_long_to_wait() {
    let throttled = bearer_that(|| Rejection::throttled(Duration::from_millis(1_500)));
    let status = call(throttled, Some("Bearer x")).await.unwrap_err();
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "2000");
    assert_eq!(status.metadata().get("retry-after").unwrap(), "2");
}

#[tokio::test]
async fn row_28_a_rejection_from_inside_is_trailers_only_too() {
    let handler = service_fn(|_: Request<support::Body>| async {
        Ok::<_, Infallible>(Rejection::insufficient_scope("write").into_response::<support::Body>())
    });
    let service = AuthenticateLayer::new(by_bearer()).for_grpc().layer(handler);
    let answer = support::send(service, grpc_request(&[("authorization", &bearer())])).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
    assert_eq!(
        (answer.one("grpc-status"), answer.one("content-type")),
        (Some("7"), Some("application/grpc"))
    );
    assert_eq!(answer.challenges(), [r#"Bearer error="insufficient_scope", scope="write", realm="r""#]);
}

#[tokio::test]
async fn row_28_observers_are_told_the_grpc_status() {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let told = Arc::clone(&seen);
    let layer = AuthenticateLayer::new(by_bearer()).for_grpc().observe(move |event: &Event<'_>| {
        let Some(decision) = event.decision() else { return };
        let (status, grpc) = (decision.status().map(|status| status.as_u16()), decision.grpc_status());
        told.lock().unwrap().push(format!("{status:?} {grpc:?}: {decision}"));
    });
    let service = layer.layer(service_fn(support::whoami));
    support::send(service.clone(), grpc_request(&[])).await;
    support::send(service.clone(), support::request(&[])).await;
    support::send(service, grpc_request(&[("authorization", &bearer())])).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], "Some(200) Some(16): 200 (gRPC 16): missing");
    assert_eq!(seen[1], "Some(401) None: 401: missing");
    assert_eq!(seen[2], "None None: accepted by Bearer");
}

fn grpc_request(headers: &[(&str, &str)]) -> Request<support::Body> {
    let content_type = ("content-type", "application/grpc+proto");
    let mut request = support::request(&[&[content_type], headers].concat());
    (*request.method_mut(), *request.version_mut()) = (http::Method::POST, Version::HTTP_2);
    request
}
