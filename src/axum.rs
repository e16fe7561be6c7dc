//! Extractors and responses for axum (feature `axum`).

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{Authenticated, Rejection};

/// Nobody, under [`optional`](crate::Authenticator::optional), is 401. Without a layer around the handler: 500.
impl<I, S> FromRequestParts<S> for Authenticated<I>
where
    I: Clone + Send + Sync + 'static,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Self::of(&head.extensions)?.ok_or_else(Rejection::missing)
    }
}

/// Nobody, under [`optional`](crate::Authenticator::optional), is `None`. Without a layer around the handler: 500.
impl<I, S> OptionalFromRequestParts<S> for Authenticated<I>
where
    I: Clone + Send + Sync + 'static,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Self::of(&head.extensions)
    }
}

/// Drawn by the nearest fitting layer.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response(self)
    }
}
