//! The stack of the quickstart on hyper alone: `cargo run --example hyper --no-default-features`.

mod support;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, Rejection, Scheme, Tokens, Users,
    scheme::{Basic, Bearer},
};

#[derive(Clone)]
struct User {
    name: String,
    admin: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (password, token) = (support::secret("DEMO_PASSWORD"), support::secret("DEMO_TOKEN"));
    let admin_token = support::secret("DEMO_ADMIN_TOKEN");
    let demo = User { name: "demo".into(), admin: false };
    let tokens = Tokens::new();
    tokens.insert_weak(&token, demo.clone());
    tokens.insert_weak(&admin_token, User { name: "admin".into(), admin: true });

    let api = Bearer::new("hyper")
        .validated_by(tokens)
        .or(Basic::new("hyper").validated_by(Users::new().with("demo", &password, demo)));
    // One layer around one service: here `/` is open since nobody passes as well, and each route asks for what it needs.
    let service = AuthenticateLayer::new(api.optional()).layer(service_fn(route));

    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/                                   # open
curl -i {url}/whoami                             # 401, two challenges
curl -i -u 'demo:{password}' {url}/whoami
curl -i -H 'Authorization: Bearer {token}' {url}/admin    # 403
curl -i -H 'Authorization: Bearer {admin_token}' {url}/admin
"
    );
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = support::ctrl_c() => return Ok(()),
        };
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("connection: {error}");
            }
        });
    }
}

/// A rejection from inside is drawn by the layer.
async fn route(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(answer(&request).unwrap_or_else(Rejection::into_response))
}

fn answer(request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Rejection> {
    let user = || Authenticated::<User>::of(request.extensions())?.ok_or_else(Rejection::missing);
    let text = match request.uri().path() {
        "/" => "Everybody may read this.\n".to_owned(),
        "/whoami" => format!("You are {}.\n", user()?.name),
        "/admin" if user()?.admin => format!("Welcome, {}.\n", user()?.name),
        "/admin" => return Err(Rejection::insufficient()),
        _ => {
            let mut not_found = Response::new(Full::default());
            *not_found.status_mut() = StatusCode::NOT_FOUND;
            return Ok(not_found);
        }
    };
    Ok(Response::new(Full::from(text)))
}
