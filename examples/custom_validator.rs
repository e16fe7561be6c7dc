//! A validator of one's own, with state and a back end that may fail: `cargo run --example custom_validator`.
//!
//! The back end is a file (`TOKENS_FILE`) with a line `sha256-of-token user` for each token. Take it away: 503, and put it back: 200.

mod support;

use std::path::PathBuf;

use axum::{Router, routing::get};
use sha2::{Digest, Sha256};
use tower_authn::{
    AuthenticateLayer, Authenticated, BearerToken, Reason, Rejection, Scheme, Validator, Visit,
    scheme::Bearer,
};

#[derive(Clone)]
struct User {
    name: String,
}

struct Directory {
    file: PathBuf,
}

impl Validator<BearerToken> for Directory {
    type Identity = User;

    async fn validate(&self, token: BearerToken, _: &mut Visit) -> Result<Option<User>, Rejection> {
        let file = self.file.clone();
        // `?` on an error is 503 with Retry-After: the token may be good. Reading must not block the other requests.
        let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await??;
        let digest = hex(token.expose());
        let Some(name) = text.lines().find_map(|line| line.strip_prefix(digest.as_str())) else {
            return Ok(None); // 401
        };
        match name.trim() {
            // A reason of one's own, for the log; the client sees the same 401.
            "-" => Err(Rejection::invalid().with_reason(Reason::Revoked)),
            name => Ok(Some(User { name: name.to_owned() })),
        }
    }
}

fn hex(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (token, revoked) = (support::secret("DEMO_TOKEN"), support::secret("DEMO_REVOKED_TOKEN"));
    let file = std::env::var_os("TOKENS_FILE").map_or_else(
        || std::env::temp_dir().join(format!("tower-authn-tokens-{}", std::process::id())),
        PathBuf::from,
    );
    std::fs::write(&file, format!("{} alice\n{} -\n", hex(&token), hex(&revoked)))?;

    let api = Bearer::new("directory").validated_by(Directory { file: file.clone() });
    let app = Router::new().route("/whoami", get(whoami)).route_layer(AuthenticateLayer::new(api));

    let (listener, url) = support::listen().await?;
    let path = file.display();
    println!(
        "
curl -i -H 'Authorization: Bearer {token}' {url}/whoami
curl -i -H 'Authorization: Bearer {revoked}' {url}/whoami    # revoked: 401
curl -i -H 'Authorization: Bearer unknown' {url}/whoami      # unknown: the same 401
mv {path} {path}.away
curl -i -H 'Authorization: Bearer {token}' {url}/whoami      # the back end is down: 503
mv {path}.away {path}
"
    );
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    std::fs::remove_file(file)?;
    Ok(())
}

async fn whoami(user: Authenticated<User>) -> String {
    format!("You are {}.\n", user.name)
}
