//! An axum server whose routes want Basic or Bearer: `cargo run --example quickstart`.

mod support;

use axum::{Router, routing::get};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, RequireLayer, Scheme, Tokens, Users,
    scheme::{Basic, Bearer},
};

#[derive(Clone)]
struct User {
    name: String,
    admin: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::var("DEMO_USER").unwrap_or_else(|_| "demo".into());
    let password = support::secret("DEMO_PASSWORD");
    let (token, admin_token) = (support::secret("DEMO_TOKEN"), support::secret("DEMO_ADMIN_TOKEN"));
    let user = User { name: name.clone(), admin: false };

    // `insert` would refuse tokens that can be guessed; a demo takes what it is given.
    let tokens = Tokens::new();
    tokens.insert_weak(&token, user.clone());
    tokens.insert_weak(&admin_token, User { name: "admin".into(), admin: true });
    let users = Users::new().with(&name, &password, user);

    let api = Bearer::new("quickstart").validated_by(tokens).or(Basic::new("quickstart").validated_by(users));

    let app = Router::new()
        .route("/admin", get(admin).route_layer(RequireLayer::new(|user: &User| user.admin)))
        .route("/whoami", get(whoami))
        .route_layer(AuthenticateLayer::new(api))
        .route("/", get(home)); // added after the layer, so it is open

    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/                                   # open
curl -i {url}/whoami                             # 401, two challenges, a problem document
curl -i -H 'Accept: text/html' {url}/whoami      # 401, a page
curl -i -u '{name}:{password}' {url}/whoami
curl -i -H 'Authorization: Bearer {token}' {url}/whoami
curl -i -H 'Authorization: Bearer {token}' {url}/admin    # 403
curl -i -H 'Authorization: Bearer {admin_token}' {url}/admin
"
    );
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

async fn home() -> &'static str {
    "Everybody may read this.\n"
}

async fn whoami(user: Authenticated<User>) -> String {
    format!("You are {}, by {}.\n", user.name, user.schemes().join(" and "))
}

async fn admin(user: Authenticated<User>) -> String {
    format!("Welcome, {}.\n", user.name)
}
