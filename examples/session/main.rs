//! A small site with a form to sign in: `cargo run --example session --features session`.
//!
//! `IDLE_SECS` and `ABSOLUTE_SECS` end sessions sooner, and `STAY_SECS` those of who stays signed in. With the feature `redis` and `REDIS_URL`, several processes share them.

mod handlers;
mod pages;
#[path = "../support/mod.rs"]
mod support;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use handlers::{Who, form, me, sign_in, sign_out, sign_out_everywhere};
use tower_authn::{
    AuthenticateLayer, Authenticator, Scheme, Users, respond,
    scheme::SessionCookie,
    store::{MemorySessions, SessionStore},
    throttle::{FailureStore, Throttle},
    validator::session::Sessions,
};
use tower_http::csrf::CsrfLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::var("REDIS_URL") {
        #[cfg(feature = "redis")]
        Ok(url) => {
            let redis = tower_authn::store::RedisStore::open(&url)?;
            serve(redis.clone(), Throttle::new(redis)).await
        }
        #[cfg(not(feature = "redis"))]
        Ok(_) => Err("REDIS_URL needs `--features redis`".into()),
        Err(_) => serve(MemorySessions::default(), Throttle::default()).await,
    }
}

/// Behind the handlers; the type parameters stand for where sessions and failures are kept.
struct Site<S, F> {
    sessions: Sessions<String, S>,
    users: Users<String>,
    throttle: Throttle<F>,
}

async fn serve<S, F>(store: S, throttle: Throttle<F>) -> Result<(), Box<dyn std::error::Error>>
where
    S: SessionStore<String>,
    F: FailureStore,
{
    let (listener, url) = support::listen().await?;
    // Over TLS, leave this out. It refuses an address that others can reach.
    let cookie = SessionCookie::new("site").over_plain_http_at(listener.local_addr()?);
    let cookie = cookie.map_err(|error| error.to_string())?; // which says what to do
    let sessions = Sessions::new(&cookie, store)
        .idle_limit(support::seconds("IDLE_SECS", 30 * 60)?)
        .absolute_limit(support::seconds("ABSOLUTE_SECS", 12 * 60 * 60)?)
        .stay_signed_in_for(support::seconds("STAY_SECS", 14 * 24 * 60 * 60)?);
    let name = std::env::var("DEMO_USER").unwrap_or_else(|_| "demo".into());
    let password = support::secret("DEMO_PASSWORD");
    let users = Users::new().with(&name, &password, name.clone());

    let by_session = cookie.validated_by(sessions.clone());
    let signed_in = AuthenticateLayer::new(by_session.clone()).respond_with(respond::Redirect::to("/login"));
    let anybody = AuthenticateLayer::new(by_session.optional());
    let app = Router::new()
        .route("/me", get(me))
        .route("/api/me", get(async |user: Who| format!("You are {}.\n", **user)))
        .route("/logout", post(sign_out::<S, F>))
        .route("/logout-everywhere", post(sign_out_everywhere::<S, F>))
        .route_layer(signed_in)
        .merge(Router::new().route("/login", get(form).post(sign_in::<S, F>)).route_layer(anybody))
        .route("/", get(async || Redirect::to("/me")))
        // Outermost: no other site posts a form in a user's name.
        .layer(CsrfLayer::new().with_rejection_response(|_| {
            (StatusCode::FORBIDDEN, "This form comes from another site.\n").into_response()
        }))
        .with_state(Arc::new(Site { sessions, users, throttle }));
    println!(
        "
Sign in at {url}/ as {name} with {password}, or:
curl -i {url}/api/me                             # 401
curl -i -H 'Accept: text/html' {url}/me          # 302 to the form
curl -i -c jar -d 'user={name}&password={password}&next=/api/me' {url}/login   # with &stay=yes: Max-Age
curl -i -b jar {url}/api/me
curl -i -b jar -X POST {url}/logout              # or {url}/logout-everywhere
"
    );
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}
