use std::{fmt, time::Duration};

use http::StatusCode;

use super::user::User;
use crate::{Details, Finding, Reason, Rejection, RejectionKind, draw::Sent};

/// What became of one request at one layer. A request that is let in, and turned away further inside, makes two of them; one
/// whose client goes away before makes none.
///
/// ```
/// use tower_authn::observe::{Event, Outcome};
///
/// fn audit(event: &Event<'_>) {
///     let Some(decision) = event.decision() else { return };
///     if decision.outcome() == Outcome::Refused {
///         println!("{:?} for {:?}, {:?}", decision.status(), decision.reason(), decision.details().client());
///     }
/// }
/// # let _ = audit;
/// ```
#[derive(Clone, Copy)]
pub struct Decision<'a> {
    pub(super) found: Found<'a>,
    pub(super) schemes: &'a [&'static str],
    pub(super) realm: Option<&'a str>,
    pub(super) details: &'a Details,
    pub(super) user: Option<&'a User>,
    pub(super) id: Option<&'a str>,
    pub(super) elapsed: Option<Duration>,
    pub(super) at: Duration,
}

#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    Accepted { passed_over: &'a [Finding] },
    TurnedAway { rejection: &'a Rejection, sent: Sent },
}

/// What a decision comes down to.
///
/// ```
/// assert_eq!(tower_authn::observe::Outcome::Refused.as_str(), "refused");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Let in.
    Accepted,
    /// Turned away, for what the client brought or is.
    Refused,
    /// Turned away, since what would decide is down.
    Unavailable,
    /// Turned away, since the server is set up wrongly.
    Misconfigured,
}

impl Outcome {
    /// Returns the stable name, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
        }
    }

    pub(crate) const fn of(kind: RejectionKind) -> Self {
        match kind {
            RejectionKind::Misconfigured => Self::Misconfigured,
            RejectionKind::Unavailable => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

impl Decision<'_> {
    /// Returns what it comes down to.
    pub fn outcome(&self) -> Outcome {
        self.kind().map_or(Outcome::Accepted, Outcome::of)
    }

    /// Returns the status of the answer; `None` for a request that was let in.
    pub const fn status(&self) -> Option<StatusCode> {
        match self.found {
            Found::Accepted { .. } => None,
            Found::TurnedAway { sent, .. } => Some(sent.status),
        }
    }

    /// Returns the gRPC status that stands beside an HTTP status of 200, where the layer is set
    /// [for gRPC](crate::AuthenticateLayer::for_grpc); `None` for every other answer.
    pub const fn grpc_status(&self) -> Option<u8> {
        match self.found {
            Found::Accepted { .. } => None,
            Found::TurnedAway { sent, .. } => sent.grpc_status,
        }
    }

    /// Returns what the client was told; `None` for a request that was let in.
    pub fn kind(&self) -> Option<RejectionKind> {
        self.rejection().map(Rejection::kind)
    }

    /// Returns the reason that ranks highest; `None` for a request that was let in.
    pub fn reason(&self) -> Option<Reason> {
        self.rejection().map(Rejection::reason)
    }

    /// Returns the schemes that granted the identity, or the one whose finding decided; none where nothing was brought, or where
    /// no scheme found what decided, as after too many failures.
    pub const fn schemes(&self) -> &[&'static str] {
        self.schemes
    }

    /// Returns the realm of the scheme.
    pub const fn realm(&self) -> Option<&str> {
        self.realm
    }

    /// Returns all that was found against the request, or, where it was let in, against other credentials in it.
    pub fn findings(&self) -> &[Finding] {
        match self.found {
            Found::Accepted { passed_over } => passed_over,
            Found::TurnedAway { rejection, .. } => rejection.findings(),
        }
    }

    /// Returns issuer, key and address, as far as they are known.
    pub const fn details(&self) -> &Details {
        self.details
    }

    /// Returns the user's hash, if [`log_user`](crate::AuthenticateLayer::log_user) asks for it.
    pub fn user_hash(&self) -> Option<&str> {
        self.user.and_then(User::hash)
    }

    /// Returns the user's name, if [`log_user_in_plain_text`](crate::AuthenticateLayer::log_user_in_plain_text) asks for it.
    pub fn user_name(&self) -> Option<&str> {
        self.user.and_then(User::name)
    }

    /// Returns the id that links the answer with the log, if there is one; see [`Correlation`](super::Correlation).
    pub const fn id(&self) -> Option<&str> {
        self.id
    }

    /// Returns how long the decision took; `None` for one that was made further inside.
    pub const fn elapsed(&self) -> Option<Duration> {
        self.elapsed
    }

    /// Returns when it was made, by the layer's monotonic [`Clock`](crate::Clock): for what is to be told once in a while.
    pub const fn at(&self) -> Duration {
        self.at
    }

    fn rejection(&self) -> Option<&Rejection> {
        match self.found {
            Found::Accepted { .. } => None,
            Found::TurnedAway { rejection, .. } => Some(rejection),
        }
    }
}

/// The outcome, and everything found, in one line.
impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Found::TurnedAway { rejection, sent } => {
                write!(f, "{}", sent.status.as_u16())?;
                if let Some(grpc_status) = sent.grpc_status {
                    write!(f, " (gRPC {grpc_status})")?;
                }
                write!(f, ": {rejection}")
            }
            Found::Accepted { passed_over } => {
                write!(f, "accepted by {}", Schemes(self.schemes))?;
                passed_over.iter().try_for_each(|finding| write!(f, "; passed over {finding}"))
            }
        }
    }
}

impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("outcome", &self.outcome())
            .field("status", &self.status())
            .field("grpc_status", &self.grpc_status())
            .field("schemes", &self.schemes)
            .field("realm", &self.realm)
            .field("findings", &self.findings())
            .field("details", &self.details)
            .field("id", &self.id)
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

/// The names of schemes as one word; `none` where nobody was let in as nobody, or nothing was brought.
pub(crate) struct Schemes<'a>(pub(crate) &'a [&'static str]);

impl fmt::Display for Schemes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return f.write_str("none") };
        f.write_str(first)?;
        rest.iter().try_for_each(|scheme| write!(f, "+{scheme}"))
    }
}
