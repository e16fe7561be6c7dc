//! Row 28: a tonic client and a tonic service, with the layer in between.

mod support;

use std::{convert::Infallible, time::Duration};

use bytes::{Buf as _, BufMut as _};
use http::{Request, Response, uri::PathAndQuery};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use support::{ask, secrets::*};
use tonic::{
    Code, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_authn::{AuthenticateLayer, Authenticated, Authenticator, Rejection, respond};

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

/// Serves one connection after another behind the authenticator, and calls it with this `authorization`.
async fn call(
    authenticator: impl Authenticator<Identity = &'static str>,
    authorization: Option<&str>,
) -> Result<String, Status> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // tonic's body has a default, but is not made from bytes.
    let layer = AuthenticateLayer::new(authenticator).respond_with(respond::Empty);
    let service = layer.layer(service_fn(whoami));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service
            .map_request(|request: Request<hyper::body::Incoming>| request.map(tonic::body::Body::new));
        let connection = auto::Builder::new(TokioExecutor::new());
        let _ = connection.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
    });
    let channel = tonic::transport::Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = tonic::Request::new(Vec::new());
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", MetadataValue::try_from(authorization).unwrap());
    }
    let answer = client.unary(request, PathAndQuery::from_static("/test.Whoami/Ask"), Raw).await;
    server.abort();
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
async fn row_28_a_rejection_from_inside_is_trailers_only_too() {
    let handler = service_fn(|_: Request<support::Body>| async {
        Ok::<_, Infallible>(Rejection::insufficient_scope("write").into_response::<support::Body>())
    });
    let headers = [("authorization", bearer()), ("content-type", "application/grpc+proto".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer =
        support::send(AuthenticateLayer::new(by_bearer()).layer(handler), support::request(&headers)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
    assert_eq!(
        (answer.one("grpc-status"), answer.one("content-type")),
        (Some("7"), Some("application/grpc"))
    );
    assert_eq!(answer.challenges(), [r#"Bearer error="insufficient_scope", scope="write", realm="r""#]);
}

#[tokio::test]
async fn row_28_grpc_web_gets_its_own_content_type() {
    for (sent, answered) in [
        ("application/grpc", "application/grpc"),
        ("APPLICATION/GRPC+proto", "application/grpc"),
        ("application/grpc-web+proto", "application/grpc-web"),
        ("application/grpc-web-text", "application/grpc-web-text"),
    ] {
        let answer = ask(by_bearer(), &[("content-type", sent)]).await;
        assert_eq!((answer.status.as_u16(), answer.one("content-type")), (200, Some(answered)));
    }
    assert_eq!(ask(by_bearer(), &[("content-type", "application/json")]).await.status, 401);
}
