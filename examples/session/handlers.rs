//! What the routes do.
#![allow(unreachable_pub)]

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use tower_authn::{
    Authenticated, Rejection, RejectionKind, Validator as _, Visit, respond::ReturnTo, scheme::UserPassword,
    store::SessionStore, throttle::FailureStore, validator::session::Session,
};

use crate::{Site, pages};

pub type Who = Authenticated<Session<String>>;

pub async fn me(user: Who) -> Response {
    pages::me(&user)
}

pub async fn form(RawQuery(query): RawQuery) -> Response {
    pages::sign_in("", "", &pages::field(&query.unwrap_or_default(), "next"), "")
}

pub async fn sign_in<S: SessionStore<String>, F: FailureStore>(
    State(site): State<Arc<Site<S, F>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    before: Option<Who>,
    body: String,
) -> Result<Response, Rejection> {
    let [user, password, next, stay] =
        ["user", "password", "next", "stay"].map(|name| pages::field(&body, name));
    let attempt = site.throttle.attempt(peer.ip(), Some(&user)).await?;
    let user =
        match site.users.validate(UserPassword::new(user.clone(), password), &mut Visit::outside()).await {
            Ok(Some(user)) => user,
            Err(outage) if outage.kind() != RejectionKind::Invalid => {
                attempt.undecided(); // nobody knows whether the password is right, and it is no guess
                return Err(outage);
            }
            _ => {
                attempt.failed();
                let page = pages::sign_in("The user name or the password is not right.", &user, &next, &stay);
                return Ok((StatusCode::UNAUTHORIZED, page).into_response()); // the layer adds the challenge
            }
        };
    attempt.succeeded();
    let sessions = if stay.is_empty() { site.sessions.clone() } else { site.sessions.stay_signed_in() };
    let (_, set_cookie) = match before {
        Some(before) => sessions.create_in_place_of(before.key(), user).await?,
        None => sessions.create(user).await?,
    };
    let next = next.parse().map_or_else(|_| "/me".to_owned(), |next: ReturnTo| next.to_string());
    Ok((set_cookie, Redirect::to(&next)).into_response())
}

pub async fn sign_out<S: SessionStore<String>, F: FailureStore>(
    State(site): State<Arc<Site<S, F>>>,
    user: Who,
) -> Result<impl IntoResponse, Rejection> {
    Ok((site.sessions.sign_out(user.key()).await?, Redirect::to("/login")))
}

pub async fn sign_out_everywhere<S: SessionStore<String>, F: FailureStore>(
    State(site): State<Arc<Site<S, F>>>,
    user: Who,
) -> Result<impl IntoResponse, Rejection> {
    site.sessions.revoke_all(&*user).await?;
    Ok((site.sessions.sign_out(user.key()).await?, Redirect::to("/login")))
}
