//! What happens, as typed events: for audit trails, and for whatever the app counts by itself.
//!
//! Begin with [`AuthenticateLayer::observe`](crate::AuthenticateLayer::observe). The manual's chapter on
//! [operating](crate::manual::operating) has the rest.

use std::{fmt, sync::Arc};

mod configure;
mod correlation;
mod decision;
#[cfg(feature = "tracing")]
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod observation;
mod observers;
mod occurrence;
#[cfg(any(feature = "jwt", feature = "redis", feature = "tracing"))]
mod outage;
mod report;
mod scope;
mod second_opinion;
mod user;

pub use correlation::Correlation;
pub(crate) use correlation::is_uuid;
pub use decision::{Decision, Outcome};
#[cfg(feature = "tracing")]
pub use log::Tracing;
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
pub(crate) use observation::{Observation, ObservedRequest};
pub use observers::ObserverKey;
pub(crate) use observers::Observers;
pub use occurrence::{Occurrence, Severity};
#[cfg(any(feature = "jwt", feature = "redis"))]
pub(crate) use outage::Outage;
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

    /// Whether it would do anything with an event. Asked once for each request, which costs nothing more if nobody listens; what a
    /// request is tried out with is not asked then either.
    fn is_listening(&self) -> bool {
        true
    }

    /// Returns what it counts as if several layers have it: of a rejection that they all have in hand it is told once. Each value is one
    /// of its own, unless implemented; an `Arc` is what it holds.
    fn key(&self) -> ObserverKey {
        ObserverKey::of_value(self)
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

    fn is_listening(&self) -> bool {
        T::is_listening(self)
    }

    fn key(&self) -> ObserverKey {
        T::key(self)
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
///     match event {
///         Event::Unavailable(_) | Event::Misconfigured(_) => true,
///         Event::Happened(occurrence) => occurrence.code() == "keys_failed",
///         _ => false,
///     }
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
    /// Something happened beside requests: keys were fetched, a session began or ended, a file was read again.
    Happened(&'a Occurrence<'a>),
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
            Self::Happened(occurrence) => occurrence.fmt(f),
            Self::Accepted(decision)
            | Self::Refused(decision)
            | Self::Unavailable(decision)
            | Self::Misconfigured(decision) => decision.fmt(f),
        }
    }
}
