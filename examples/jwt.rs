//! An axum API that trusts the access tokens of an OpenID provider, and keeps up with its keys. It starts even while the
//! provider is down.
//!
//! `cargo run --example jwt --features jwks,jwt-aws-lc -- https://idp.example orders`, or with `ISSUER` and `AUDIENCE`.

mod support;

use std::time::Duration;

use axum::{Router, routing::get};
use tower_authn::{
    AuthenticateLayer, Authenticated, Scheme,
    scheme::Bearer,
    validator::jwt::{Jwt, Profile, Scopes, Verified, remote::HttpsClient},
};

/// What the API wants to know of a token; issuer, audience and dates are checked before.
#[derive(serde::Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    scope: Scopes,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut setting = |name| arguments.next().or_else(|| std::env::var(name).ok());
    let usage = "usage: jwt ISSUER AUDIENCE (or the variables ISSUER and AUDIENCE), such as https://idp.example orders";
    let (issuer, audience) = (setting("ISSUER").ok_or(usage)?, setting("AUDIENCE").ok_or(usage)?);

    let mut jwt =
        Jwt::<Claims>::issuer(&issuer).audience(audience).discover(HttpsClient::new()?).allow_loopback_http(); // for a provider on this machine; elsewhere https is demanded all the same
    if std::env::var_os("ANY_JWT").is_some() {
        jwt = jwt.profile(Profile::AnyJwt); // for issuers whose access tokens are typed `JWT`
    }
    let jwt = jwt.build().map_err(|mistakes| mistakes.to_string())?;

    // Not needed: the first request would fetch the keys. So they are there before it.
    if tokio::time::timeout(Duration::from_secs(2), jwt.ready()).await.is_err() {
        println!("{issuer} does not answer; until it does, clients see 503");
    }

    let app = Router::new()
        .route("/me", get(me))
        .route_layer(AuthenticateLayer::new(Bearer::new("api").validated_by(jwt)))
        .route("/", get(home)); // added after the layer, so it is open

    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/                                      # open
curl -i {url}/me                                    # 401
curl -i -H \"Authorization: Bearer $TOKEN\" {url}/me  # an access token of {issuer}
"
    );
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

async fn home() -> &'static str {
    "Everybody may read this.\n"
}

async fn me(token: Authenticated<Verified<Claims>>) -> String {
    let scopes: Vec<&str> = token.scope.iter().collect();
    format!("{}\n", serde_json::json!({ "subject": token.sub, "scopes": scopes }))
}
