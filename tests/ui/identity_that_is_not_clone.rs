//! The identity goes into the request's extensions, which clone.
use tower_authn::{BearerToken, Rejection, Scheme, scheme::Bearer};

struct User;

async fn find(_: BearerToken) -> Result<Option<User>, Rejection> {
    Ok(Some(User))
}

fn main() {
    let _ = Bearer::new("api").validated_by(find);
}
