//! The future of an async closure must not borrow from the closure.
use tower_authn::{BearerToken, Rejection, Scheme, scheme::Bearer};

fn main() {
    let known = vec![String::from("token")];
    let _ = Bearer::new("api").validated_by(async move |token: BearerToken| {
        Ok::<_, Rejection>(known.iter().any(|known| known == token.expose()).then_some(1))
    });
}
