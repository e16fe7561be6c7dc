//! The quickstart with logs, metrics, a policy that is tried out, and a page that explains:
//! `cargo run --example observe --features metrics,tracing`.
//!
//! Logs go to standard error. With `DEBUG_AUTH=1`, `/debug/auth` explains requests, to this machine only.

#[path = "support/debug.rs"]
mod debug;
mod support;

use std::net::SocketAddr;

use axum::{Router, extract::ConnectInfo, http::HeaderName, routing::get};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, Scheme, Tokens, Users,
    observe::Correlation,
    scheme::{Basic, Bearer, ClientAddr, UserPassword},
    throttle::Throttle,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let seconds = [0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0];
    let recorder = PrometheusBuilder::new().set_buckets(&seconds)?.install_recorder()?;

    let (password, token) = (support::secret("DEMO_PASSWORD"), support::secret("DEMO_TOKEN"));
    let tokens = Tokens::new();
    tokens.insert_weak(&token, "demo".to_owned());
    let users = Users::new().with("demo", &password, "demo".to_owned());

    let bearer = Bearer::new("observe").validated_by(tokens);
    let throttle = Throttle::default().address_from(peer());
    let basic = Basic::new("observe").validated_by(users).throttled(throttle).by_user(UserPassword::user);
    let layer = AuthenticateLayer::new(bearer.clone().or(basic))
        .report_only(bearer) // who would be locked out without passwords?
        .correlate(Correlation::from_header(HeaderName::from_static("x-request-id")))
        .log_user(String::clone);

    let measured = layer.clone();
    let metrics = async move || {
        measured.measure();
        recorder.render()
    };
    let mut app = Router::new()
        .route("/whoami", get(whoami))
        .route_layer(layer.clone())
        .route("/metrics", get(metrics)) // let only the scraper reach it
        .route("/", get("Everybody may read this.\n"));
    let (listener, url) = support::listen().await?;
    if std::env::var("DEBUG_AUTH").is_ok_and(|on| on == "1") {
        app = app.merge(debug::router(layer, peer(), listener.local_addr()?.ip()));
    }
    println!(
        "
curl -i {url}/whoami                          # 401: find its id in the log
curl -i -u 'demo:{password}' {url}/whoami     # let in, and reported: not without a password
curl -i -H 'Authorization: Bearer {token}' {url}/whoami
curl -s {url}/metrics

DEBUG_AUTH=1 explains, to this machine only: open {url}/debug/auth, or
curl -sv -u demo:wrong {url}/whoami 2>&1 | curl -s --data-binary @- {url}/debug/auth
"
    );
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

async fn whoami(user: Authenticated<String>) -> String {
    format!("You are {}, by {}.\n", *user, user.schemes().join(" and "))
}

fn peer() -> ClientAddr {
    ClientAddr::new().peer_from(|extensions| {
        extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip())
    })
}
