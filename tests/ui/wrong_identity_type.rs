//! A requirement is a function of the identity that the layer grants.
use tower_authn::{Authenticator, Scheme, Tokens, scheme::Bearer};

struct User {
    admin: bool,
}

fn main() {
    let api = Bearer::new("api").validated_by(Tokens::<String>::new());
    let _ = api.require(|user: &User| user.admin);
}
