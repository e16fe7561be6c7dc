//! A scheme says how credentials travel, not who may come in.
use tower_authn::{AuthenticateLayer, scheme::Bearer};

fn main() {
    let _ = AuthenticateLayer::new(Bearer::new("api"));
}
