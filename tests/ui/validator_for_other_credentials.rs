//! Users have passwords, a bearer token has none.
use tower_authn::{Scheme, Users, scheme::Bearer};

fn main() {
    let users = Users::new().with("alice", "secret", "Alice");
    let _ = Bearer::new("api").validated_by(users);
}
