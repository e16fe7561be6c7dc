//! Extractors and responses for axum (feature `axum`).

use std::convert::Infallible;

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, IntoResponseParts, Response, ResponseParts},
};
use http::{header, request::Parts};

use crate::{Authenticated, Rejection, scheme::SetCookie};

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

/// Added beside the cookies that are there.
impl IntoResponseParts for SetCookie {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.headers_mut().append(header::SET_COOKIE, self.into_header_value());
        Ok(parts)
    }
}

/// Added beside the cookies that are there.
#[cfg(feature = "session")]
impl IntoResponseParts for crate::validator::session::SignOut {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        for (name, value) in self {
            parts.headers_mut().append(name, value);
        }
        Ok(parts)
    }
}
