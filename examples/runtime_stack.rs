//! A stack that is read at run time: `STACK=bearer,basic,api-key cargo run --example runtime_stack`.

mod support;

use axum::{Router, routing::get};
use tower_authn::{
    AnyOf, AuthenticateLayer, Authenticated, Authenticator, BoxAuthenticator, Realm, Scheme, Tokens, Users,
    scheme::{ApiKey, Basic, Bearer},
};

struct Secrets {
    password: String,
    token: String,
    key: String,
}

/// One entry of the list. Each has the same identity, a name, and hides its type.
fn authenticator(name: &str, realm: Realm, secrets: &Secrets) -> Result<BoxAuthenticator<String>, String> {
    match name {
        "basic" => {
            let users = Users::new().with("demo", &secrets.password, "demo".to_owned());
            Ok(Basic::new(realm).validated_by(users).boxed())
        }
        "bearer" => {
            let tokens = Tokens::new();
            tokens.insert_weak(&secrets.token, "a token".to_owned());
            Ok(Bearer::new(realm).validated_by(tokens).boxed())
        }
        "api-key" => {
            let keys = Tokens::new();
            keys.insert_weak(&secrets.key, "a key".to_owned());
            Ok(ApiKey::new(realm).validated_by(keys).boxed())
        }
        other => Err(format!("STACK names {other:?}; there are basic, bearer and api-key")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secrets = Secrets {
        password: support::secret("DEMO_PASSWORD"),
        token: support::secret("DEMO_TOKEN"),
        key: support::secret("DEMO_KEY"),
    };
    let names = std::env::var("STACK").unwrap_or_else(|_| "bearer,basic".into());
    // A realm from the configuration may be a bad one; that is an error here, and no panic.
    let realm = Realm::try_from(std::env::var("REALM").unwrap_or_else(|_| "configured".into()));
    let realm = realm.map_err(|error| error.to_string())?;

    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let list: Vec<_> =
        names.map(|name| authenticator(name, realm.clone(), &secrets)).collect::<Result<_, _>>()?;
    // An empty list is refused: it never means everybody.
    let stack = AnyOf::try_from(list).map_err(|error| error.to_string())?;

    let app = Router::new().route("/whoami", get(whoami)).route_layer(AuthenticateLayer::new(stack));
    let (listener, url) = support::listen().await?;
    println!(
        "
curl -i {url}/whoami          # 401 with a challenge for each entry of STACK
curl -i -u 'demo:{}' {url}/whoami
curl -i -H 'Authorization: Bearer {}' {url}/whoami
curl -i -H 'X-Api-Key: {}' {url}/whoami
",
        secrets.password, secrets.token, secrets.key
    );
    axum::serve(listener, app).with_graceful_shutdown(support::ctrl_c()).await?;
    Ok(())
}

async fn whoami(name: Authenticated<String>) -> String {
    format!("You are {} by {}.\n", *name, name.schemes().join(" and "))
}
