//! An axum API that makes its tokens itself, with a secret of its own:
//! `cargo run --example jwt_hmac --features jwt-aws-lc`.

mod support;

use std::time::{Duration, SystemTime};

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_authn::{
    AuthenticateLayer, Authenticated, Scheme, Users,
    scheme::{Basic, Bearer},
    validator::jwt::{Algorithm, Jwt, StandardClaims, Verified},
};

const ISSUER: &str = "https://demo.example";
const LIFETIME: Duration = Duration::from_secs(15 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two secrets of 144 bits each: one alone would be shorter than the hash, and refused.
    let secret = std::env::var("SECRET").unwrap_or_else(|_| support::secret("A") + &support::secret("B"));
    let password = support::secret("DEMO_PASSWORD");

    let jwt: Jwt =
        Jwt::issuer(ISSUER).audience(ISSUER).secret(Algorithm::HS256, secret.as_bytes()).build()?;
    let users = Users::new().with("demo", &password, "demo");

    let app = Router::new()
        .route("/me", get(me))
        .route_layer(AuthenticateLayer::new(Bearer::new("api").validated_by(jwt)))
        .merge(
            Router::new()
                .route("/token", post(token).with_state(Minter(secret.into())))
                .route_layer(AuthenticateLayer::new(Basic::new("token").validated_by(users))),
        )
        .route("/", get(home)); // added after the layers, so it is open

    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/                                      # open
curl -i {url}/me                                    # 401
TOKEN=$(curl -s -X POST -u 'demo:{password}' {url}/token)
curl -i -H \"Authorization: Bearer $TOKEN\" {url}/me
curl -i -H \"Authorization: Bearer ${{TOKEN}}x\" {url}/me # 401, one text for everything that is wrong
"
    );
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

async fn home() -> &'static str {
    "Everybody may read this.\n"
}

async fn me(token: Authenticated<Verified<StandardClaims>>) -> String {
    let scopes: Vec<&str> = token.scope.iter().collect();
    format!("{}\n", json!({ "subject": token.subject, "scopes": scopes }))
}

async fn token(State(minter): State<Minter>, user: Authenticated<&'static str>) -> Result<String, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string())?;
    Ok(minter.mint(&json!({
        "iss": ISSUER, "aud": ISSUER, "sub": *user, "scope": "orders:read",
        "iat": now.as_secs(), "exp": (now + LIFETIME).as_secs(),
    })))
}

/// Signs tokens.
#[derive(Clone)]
struct Minter(std::sync::Arc<str>);

impl Minter {
    fn mint(&self, claims: &Value) -> String {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({ "alg": "HS256", "typ": "at+jwt" }).to_string();
        let signed = format!("{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, self.0.as_bytes());
        let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", part(signature.as_ref()))
    }
}
