//! Schemes: how credentials travel.

use http::request::Parts;

use crate::{Asked, Challenge, Finding, Inspection, Rejection, Validator, authenticator::ValidatedBy};

mod api_key;
mod authorization;
mod basic;
mod bearer;
mod client_addr;
mod read;
mod session_cookie;

pub use api_key::{ApiKey, ApiKeyValue};
pub use authorization::authorization;
pub(crate) use basic::from_latin1;
pub use basic::{Basic, Password, UserPassword};
pub use bearer::{Bearer, BearerToken};
pub use client_addr::{
    ClientAddr, ClientIp, ForwardedBy, ForwardedByError, PeerAddr, TrustedProxies, Walk, WalkEnd,
};
pub use read::{cookie, header};
pub use session_cookie::{CookieValueError, NotLoopback, SessionCookie, SessionToken, SetCookie};

/// How credentials travel: where they stand in a request, and how a client is asked for them.
///
/// ```
/// use http::{HeaderName, request::Parts};
/// use tower_authn::{Asked, Challenge, Finding, Rejection, Scheme, scheme};
///
/// /// A ticket in a header of its own.
/// struct Ticket(Challenge);
///
/// impl Scheme for Ticket {
///     type Credentials = String;
///
///     fn name(&self) -> &'static str {
///         "Ticket"
///     }
///
///     fn extract(&self, head: &mut Parts, _: &Asked) -> Result<Option<String>, Rejection> {
///         let Some(value) = scheme::header(head, &HeaderName::from_static("ticket"))? else { return Ok(None) };
///         Ok(Some(value.to_str().map_err(|_| Rejection::malformed())?.to_owned()))
///     }
///
///     fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
///         Some(self.0.clone())
///     }
/// }
/// # let _ = Ticket(Challenge::new("Ticket").build()?);
/// # Ok::<(), tower_authn::ChallengeError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no scheme",
    label = "not a scheme such as `Basic` or `Bearer`"
)]
pub trait Scheme: Send + Sync + 'static {
    /// What is found in a request.
    type Credentials: Send + 'static;

    /// Returns the name: for logs and metrics, and for filing what is found under it.
    fn name(&self) -> &'static str;

    /// Finds credentials in a request's head: `None` if there are none of this scheme. Allocates nothing then, and
    /// marks what it reads as sensitive. A scheme whose credentials belong to a method and a target, as the client asked for them,
    /// takes those from `asked`.
    ///
    /// # Errors
    ///
    /// Credentials of this scheme that cannot be read.
    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<Self::Credentials>, Rejection>;

    /// Returns what to ask the client for, given what was found against this scheme's credentials; `None` if nothing of it
    /// can be asked for, as with addresses.
    fn challenge(&self, finding: Option<&Finding>) -> Option<Challenge>;

    /// Returns the realm that the challenges name, for logs; `None` unless implemented.
    fn realm(&self) -> Option<&str> {
        None
    }

    /// Says what is risky about the scheme, and what there is to measure. Nothing unless implemented.
    fn inspect(&self, inspection: &mut Inspection) {
        let _ = inspection;
    }

    /// Completes the scheme with a validator: who may come in.
    fn validated_by<V>(self, validator: V) -> ValidatedBy<Self, V>
    where
        Self: Sized,
        V: Validator<Self::Credentials>,
    {
        ValidatedBy::new(self, validator)
    }
}
