//! A page protected by an Apache password file: `cargo run --example htpasswd --features passwords -- FILE`.
//!
//! The file is read again when it changes. `CACHE=1` remembers verified passwords for five minutes, `THROTTLE=1` slows down
//! whoever guesses.

mod support;

use std::net::SocketAddr;

use axum::{Router, extract::ConnectInfo, routing::get};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, Scheme, respond,
    scheme::{Basic, ClientAddr, UserPassword},
    throttle::Throttle,
    validator::passwords::{Passwords, Remember},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).or_else(|| std::env::var("FILE").ok());
    let path = path.ok_or("usage: htpasswd FILE, made by `htpasswd -cB FILE alice`")?;
    // An error names all lines that cannot be used.
    let mut passwords = Passwords::from_file(&path).map_err(|error| error.to_string())?;
    if switched_on("CACHE") {
        passwords = passwords.cached(Remember::default())?;
    }

    // `requests` sends Latin-1, other clients UTF-8.
    let by_password = Basic::new("files").or_latin1().validated_by(passwords.clone());
    let by_password = if switched_on("THROTTLE") {
        let peer = ClientAddr::new()
            .peer_from(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()));
        let throttle = Throttle::default().address_from(peer);
        by_password.throttled(throttle).by_user(UserPassword::user).boxed()
    } else {
        by_password.boxed()
    };
    let app = Router::new()
        .route("/", get(name))
        .route_layer(AuthenticateLayer::new(by_password).respond_with(respond::Plain))
        .route("/open", get(async || "Come in.\n"))
        .route("/stats", get(async move || format!("{:?}\n", passwords.hasher().stats())))
        .into_make_service_with_connect_info::<SocketAddr>();

    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/open
curl -i {url}/                                  # 401
curl -i -u alice {url}/                         # asks for the password
curl -i -u nobody:x {url}/                      # unknown: the same 401, after as many hashes
curl -i {url}/stats                             # how many those were
htpasswd -B {path} bob                          # bob may come in within two seconds
htpasswd -D {path} bob                          # and no longer
"
    );
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

fn switched_on(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}

async fn name(user: Authenticated<String>) -> String {
    user.into_inner()
}
