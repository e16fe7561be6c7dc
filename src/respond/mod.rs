//! Drawing answers: what the body of a 401 looks like.
//!
//! A responder draws the body and may add headers of its own; status, `WWW-Authenticate`, `Retry-After` and
//! `Cache-Control` are set by the layer, whatever the responder says. [`Negotiate`] is the default.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::{Asked, Challenge, Challenges, Rejection, RejectionKind};

pub(crate) mod accept;
mod bodies;
mod empty;
mod html;
mod negotiate;
mod plain;
mod problem_json;
mod redirect;
mod unauthorized;

pub use empty::Empty;
pub use html::Html;
pub use negotiate::Negotiate;
pub use plain::Plain;
pub use problem_json::ProblemJson;
pub use redirect::{NotAPath, Redirect, ReturnTo};
pub use unauthorized::{Challenged, Unauthorized};

/// Draws the body of an answer. Also every `Fn(&Answer<'_>) -> Response<B>`.
///
/// In place of a 401, and only there, the response may be a redirect (302 or 303 with `Location`); any other status is
/// replaced by the answer's. For a gRPC client ([`Asked::is_grpc`]) the body must be empty.
///
/// ```
/// use http::Response;
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, respond::Answer, scheme::Bearer};
///
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()))
///     .respond_with(|answer: &Answer<'_>| Response::new(format!("{}: {answer}", answer.status())));
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot draw answers with a body of type `{B}`",
    note = "the built-in responders need a body type that is `From<Bytes>`, such as axum's; `respond::Empty` needs `Default`",
    note = "for any other body, pass a closure `|answer: &Answer<'_>| Response::new(..)` to `respond_with`"
)]
pub trait Respond<B>: Send + Sync + 'static {
    /// Draws an answer.
    fn respond(&self, answer: &Answer<'_>) -> Response<B>;
}

impl<F, B> Respond<B> for F
where
    F: Fn(&Answer<'_>) -> Response<B> + Send + Sync + 'static,
{
    fn respond(&self, answer: &Answer<'_>) -> Response<B> {
        self(answer)
    }
}

/// What the client is told: all that a responder learns of a rejection. No finding and no cause can be reached from it.
///
/// [`Display`](fmt::Display) is one fixed sentence for each kind, which says what to do.
#[derive(Debug)]
pub struct Answer<'a> {
    status: StatusCode,
    kind: RejectionKind,
    challenges: &'a Challenges,
    asked: &'a Asked,
    id: Option<&'a str>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(
        status: StatusCode,
        rejection: &'a Rejection,
        challenges: &'a Challenges,
        asked: &'a Asked,
    ) -> Self {
        Self { status, kind: rejection.kind(), challenges, asked, id: rejection.id() }
    }

    /// Returns the status that the answer will have.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns what kind of rejection it is.
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Returns the challenges that the answer will carry, the most important first.
    pub fn challenges(&self) -> impl Iterator<Item = &Challenge> {
        self.challenges.iter()
    }

    /// Returns what is known of the request.
    pub fn asked(&self) -> &Asked {
        self.asked
    }

    /// Returns the id by which the operator finds the answer's line in the log, if the layer
    /// [correlates](crate::AuthenticateLayer::correlate): letters, digits, `.`, `_` and `-`.
    pub fn id(&self) -> Option<&str> {
        self.id
    }

    fn sentence(&self) -> &'static str {
        sentence(self.kind)
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// What introduces the id.
const QUOTE: &str = "If you ask for help, quote this:";

/// What the client is to do.
const fn sentence(kind: RejectionKind) -> &'static str {
    match kind {
        RejectionKind::Misconfigured => {
            "The server is not set up correctly, so it cannot tell who you are. Tell its operator."
        }
        RejectionKind::Unavailable => "It cannot be checked at the moment who you are. Try again later.",
        RejectionKind::Throttled => "There were too many failed attempts. Wait before you try again.",
        RejectionKind::Insufficient => {
            "You are signed in, but do not have the permission this needs. Ask for it, or use another account."
        }
        RejectionKind::StepUp => "This needs a newer or stronger sign-in. Sign in again.",
        RejectionKind::Malformed => "The credentials could not be read. Correct the request.",
        RejectionKind::Invalid => {
            "The credentials were not accepted. Check them, or sign in again to get new ones."
        }
        RejectionKind::Missing => "This needs credentials. Sign in, or send them with the request.",
        RejectionKind::Forbidden => "This is not available to you. If it should be, ask its operator.",
        RejectionKind::Concealed => "There is nothing here.",
    }
}

/// A response as the built-in responders make it. A gRPC client needs an empty body; what is concealed looks like the
/// 404 of a router that says no more.
fn with_body<B: From<Bytes>>(answer: &Answer<'_>, content_type: HeaderValue, body: Bytes) -> Response<B> {
    if answer.asked.is_grpc() || answer.kind == RejectionKind::Concealed {
        return Response::new(B::from(Bytes::new()));
    }
    let mut response = Response::new(B::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
