//! The page of the example `observe` that explains requests to developers.
#![allow(unreachable_pub)]

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header, uri::Authority},
    middleware::{Next, from_fn_with_state},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use tower_authn::{
    AuthenticateLayer, Authenticator,
    explain::RequestHead,
    scheme::ClientAddr,
    validator::{IpAllowlist, IpAllowlistLayer, Networks},
};

/// The page, for this machine only. Whoever reaches this port through a proxy on this machine comes from it, too: with one in
/// front, say by `ClientAddr::behind` that it is trusted.
pub fn router(layer: AuthenticateLayer<impl Authenticator>, peer: ClientAddr, listens_at: IpAddr) -> Router {
    let explain =
        async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, headers: HeaderMap, body: String| {
            let text = body.strip_prefix("head=").unwrap_or(&body); // of the form
            let explanation = match text.parse::<RequestHead>() {
                Ok(head) => layer.explain(&head.from_peer(peer.ip()).into_parts()).await.to_string(),
                Err(error) => error.to_string(),
            };
            let wants_page =
                headers.get("accept").is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
            if wants_page { page(&explanation) } else { explanation.into_response() }
        };
    let only_here = IpAllowlistLayer::new(peer, IpAllowlist::new(Networks::loopback()).concealed());
    Router::new()
        .route("/debug/auth", get(async || page("")).post(explain))
        .route_layer(from_fn_with_state(listens_at, by_its_name))
        .route_layer(only_here)
}

async fn by_its_name(State(listens_at): State<IpAddr>, request: Request, next: Next) -> Response {
    if is_called_by_its_name(request.headers(), listens_at) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "Open this page as localhost, and send its own form.\n").into_response()
}

/// The developer's browser is on this machine, too: a site that it visits could have a name of its own lead here (DNS
/// rebinding), or send a form here.
fn is_called_by_its_name(headers: &HeaderMap, listens_at: IpAddr) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_here = |address: IpAddr| address.is_loopback() || address == listens_at;
    let own_origin = format!("http://{authority}");
    (name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_here))
        && !authority.as_str().contains('@')
        && headers.get_all(header::ORIGIN).iter().all(|origin| origin.as_bytes() == own_origin.as_bytes())
}

fn page(explanation: &str) -> Response {
    let escaped = explanation.replace('&', "&amp;").replace('<', "&lt;");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    let headers = [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ];
    (headers, Html(include_str!("debug.html").replace("{explanation}", &escaped))).into_response()
}
