//! The default responder makes bodies of bytes; this body is a number.
use std::convert::Infallible;

use http::{Request, Response};
use tower::{Layer, Service, service_fn};
use tower_authn::{AuthenticateLayer, Scheme, Tokens, scheme::Bearer};

async fn number(_: Request<()>) -> Result<Response<u32>, Infallible> {
    Ok(Response::new(7))
}

/// As servers ask for a service.
fn serve<S: Service<Request<()>>>(_: S) {}

fn main() {
    let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()));
    serve(layer.layer(service_fn(number)));
}
