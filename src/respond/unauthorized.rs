use http::{Response, request::Parts};

use super::Respond;
use crate::{Asked, Challenge, Challenges, Rejection, draw};

/// Builds a 401 in code that no layer is around.
///
/// ```
/// use tower_authn::{Challenge, Unauthorized, respond};
///
/// let bearer = Challenge::new("Bearer").param("realm", "api").build()?;
/// let basic = Challenge::new("Basic").param("realm", "api").build()?;
/// let response: http::Response<bytes::Bytes> =
///     Unauthorized::challenge(bearer).challenge(basic).respond_with(&respond::Plain);
///
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers().get_all("www-authenticate").iter().count(), 2);
/// # Ok::<(), tower_authn::ChallengeError>(())
/// ```
#[derive(Debug)]
pub struct Unauthorized(());

impl Unauthorized {
    /// Starts with a challenge; a 401 has at least one (RFC 9110 §15.5.2).
    #[allow(clippy::new_ret_no_self)]
    pub fn challenge(challenge: Challenge) -> Challenged {
        Challenged { challenges: Challenges::default(), asked: Asked::unknown() }.challenge(challenge)
    }
}

/// A 401 that is being built: what [`Unauthorized::challenge`] makes.
#[derive(Clone, Debug)]
#[must_use]
pub struct Challenged {
    challenges: Challenges,
    asked: Asked,
}

impl Challenged {
    /// Adds a challenge.
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.add("", Some(challenge)); // no scheme owns it
        self
    }

    /// Says which request it answers, so that the responder knows what the client prefers.
    pub fn asked_by(mut self, head: &Parts) -> Self {
        self.asked = Asked::of(head);
        self
    }

    /// Lets a responder draw it.
    pub fn respond_with<B, R: Respond<B>>(self, responder: &R) -> Response<B> {
        let rejection = Rejection::missing();
        let mut response = draw::draw(&rejection, &self.challenges, &self.asked, responder);
        response.extensions_mut().insert(rejection);
        response
    }
}
