//! What happens, as typed events: for audit trails, and for whatever the app counts by itself.
//!
//! Begin with [`AuthenticateLayer::observe`](crate::AuthenticateLayer::observe). The manual's chapter on
//! [operating](crate::manual::operating) has the rest.

use std::{fmt, sync::Arc};

#[cfg(feature = "session")]
use crate::{Reason, validator::session::SessionKey};

mod configure;
mod correlation;
mod decision;
mod hooks;
#[cfg(any(feature = "jwt", feature = "session"))]
mod observers;
mod outage;
mod pending;
mod report;
mod trial;
mod user;

pub use correlation::Correlation;
pub(crate) use correlation::is_uuid;
#[cfg(any(feature = "metrics", feature = "tracing"))]
pub(crate) use decision::Schemes;
pub use decision::{Decision, Outcome};
pub(crate) use hooks::{Hooks, Logging, Watch, is_around, mark, wants_details};
#[cfg(any(feature = "jwt", feature = "session"))]
pub(crate) use observers::Observers;
#[cfg(any(feature = "jwt", feature = "redis"))]
pub(crate) use outage::Outage;
pub(crate) use pending::Waiting;
pub(crate) use report::Tried;
pub use report::{Report, Verdict};

/// Is told of every decision: what [`AuthenticateLayer::observe`](crate::AuthenticateLayer::observe) takes. Also every
/// `Fn(&Event<'_>)`, and every `Arc` of an observer, which several layers may share.
///
/// It is called while the request waits, with no lock held: let it hand the event over to something else, and return.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, Tokens, observe::Event, scheme::Bearer};
///
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()))
///     .observe(|event: &Event<'_>| eprintln!("audit: {event}"));
/// # let _ = layer;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no observer",
    note = "a closure is one if it is `Fn(&Event<'_>) + Send + Sync + 'static`; write the type of its argument down"
)]
pub trait Observe: Send + Sync + 'static {
    /// Is told of an event.
    fn observe(&self, event: &Event<'_>);

    /// Where it lies, so that one that layers share counts as one.
    #[doc(hidden)]
    fn place(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observe for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<T: Observe + ?Sized> Observe for Arc<T> {
    fn observe(&self, event: &Event<'_>) {
        T::observe(self, event);
    }

    fn place(&self) -> *const () {
        T::place(self)
    }
}

/// Something that happened. No credential, no claim and nothing of an unverified token is in it.
///
/// [`Display`](fmt::Display) is one line, for logs.
///
/// ```
/// use tower_authn::observe::Event;
///
/// fn alarm(event: &Event<'_>) -> bool {
///     matches!(event, Event::Unavailable(_) | Event::Misconfigured(_) | Event::KeysFailed { .. })
/// }
/// # let _ = alarm;
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request was let in.
    Accepted(&'a Decision<'a>),
    /// A request was turned away, for what the client brought or is.
    Refused(&'a Decision<'a>),
    /// A request was turned away, since what would decide is down (503).
    Unavailable(&'a Decision<'a>),
    /// A request was turned away, since the server is set up wrongly (500).
    Misconfigured(&'a Decision<'a>),
    /// What a second authenticator, or a requirement, would have decided.
    ReportOnly(&'a Report<'a>),
    /// The keys of an issuer were fetched, and differ from those before.
    #[non_exhaustive]
    KeysFetched {
        /// The issuer, as it was configured.
        issuer: &'a str,
        /// How many keys can be used.
        keys: usize,
    },
    /// The keys of an issuer could not be fetched.
    #[non_exhaustive]
    KeysFailed {
        /// The issuer, as it was configured.
        issuer: &'a str,
        /// Why, in the words of the HTTP client.
        failure: &'a str,
    },
    /// Somebody signed in, or a session got a new id (feature `session`).
    #[cfg(feature = "session")]
    #[non_exhaustive]
    SessionBegun {
        /// What it is known by.
        key: &'a SessionKey,
    },
    /// A session was ended, by whom or what the reason says (feature `session`): one event for each, however many end at once. One
    /// that ends of age makes no event; the next request that brings it is refused for it. One that was replaced, and is ended while
    /// its old id can still be used, makes two.
    #[cfg(feature = "session")]
    #[non_exhaustive]
    SessionEnded {
        /// What it was known by.
        key: &'a SessionKey,
        /// Revoked, also to make room for its subject's next; replaced, or for changed credentials.
        reason: Reason,
    },
}

impl<'a> Event<'a> {
    /// Returns the decision, if it is about one.
    pub const fn decision(&self) -> Option<&'a Decision<'a>> {
        match self {
            Self::Accepted(decision)
            | Self::Refused(decision)
            | Self::Unavailable(decision)
            | Self::Misconfigured(decision) => Some(decision),
            _ => None,
        }
    }
}

impl<'a> From<&'a Decision<'a>> for Event<'a> {
    fn from(decision: &'a Decision<'a>) -> Self {
        match decision.outcome() {
            Outcome::Accepted => Self::Accepted(decision),
            Outcome::Refused => Self::Refused(decision),
            Outcome::Unavailable => Self::Unavailable(decision),
            Outcome::Misconfigured => Self::Misconfigured(decision),
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReportOnly(report) => report.fmt(f),
            Self::KeysFetched { issuer, keys } => write!(f, "keys of {issuer} fetched: {keys}"),
            Self::KeysFailed { issuer, failure } => write!(f, "keys of {issuer} not fetched: {failure}"),
            #[cfg(feature = "session")]
            Self::SessionBegun { key } => write!(f, "session {key} begun"),
            #[cfg(feature = "session")]
            Self::SessionEnded { key, reason } => write!(f, "session {key} ended: {reason}"),
            Self::Accepted(decision)
            | Self::Refused(decision)
            | Self::Unavailable(decision)
            | Self::Misconfigured(decision) => decision.fmt(f),
        }
    }
}
