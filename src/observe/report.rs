use std::fmt;

use super::{Outcome, decision::Schemes};
use crate::{Finding, Reason, Rejection, granted};

/// What a second authenticator would have decided on a request, had it been asked in earnest: see
/// [`AuthenticateLayer::report_only`](crate::AuthenticateLayer::report_only).
///
/// ```
/// use tower_authn::observe::{Event, Outcome, Verdict};
///
/// fn would_lock_out(event: &Event<'_>) -> bool {
///     matches!(event, Event::ReportOnly(report)
///         if report.verdict() == Verdict::WouldRefuse && report.outcome() == Outcome::Accepted)
/// }
/// # let _ = would_lock_out;
/// ```
#[derive(Clone, Copy)]
pub struct Report<'a> {
    pub(super) conclusion: Option<&'a Conclusion>,
    pub(super) outcome: Outcome,
    pub(super) id: Option<&'a str>,
}

/// What would have been decided.
///
/// ```
/// assert_eq!(tower_authn::observe::Verdict::WouldRefuse.as_str(), "would_refuse");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The request would have been let in.
    WouldAccept,
    /// The request would have been turned away.
    WouldRefuse,
    /// It was not decided when the answer was ready, or its code panicked.
    Undecided,
}

impl Verdict {
    /// Returns the stable name, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WouldAccept => "would_accept",
            Self::WouldRefuse => "would_refuse",
            Self::Undecided => "undecided",
        }
    }
}

/// What a second authenticator came to.
#[derive(Clone)]
pub(crate) struct Conclusion {
    schemes: granted::Schemes,
    rejection: Option<Rejection>,
}

impl Conclusion {
    pub(crate) fn accepted(schemes: &granted::Schemes) -> Self {
        Self { schemes: schemes.clone(), rejection: None }
    }

    pub(crate) fn refused(rejection: Rejection) -> Self {
        Self { schemes: granted::Schemes::to_blame(&rejection), rejection: Some(rejection) }
    }
}

impl Report<'_> {
    /// Returns what would have been decided.
    pub fn verdict(&self) -> Verdict {
        match self.conclusion {
            None => Verdict::Undecided,
            Some(Conclusion { rejection: None, .. }) => Verdict::WouldAccept,
            Some(_) => Verdict::WouldRefuse,
        }
    }

    /// Returns what was decided in earnest, by the layer itself.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the reason that ranks highest of those why it would have been turned away.
    pub fn reason(&self) -> Option<Reason> {
        Some(self.conclusion?.rejection.as_ref()?.reason())
    }

    /// Returns the schemes that would have granted the identity, or the one whose finding would have decided.
    pub fn schemes(&self) -> &[&'static str] {
        self.conclusion.map_or(&[], |conclusion| conclusion.schemes.as_slice())
    }

    /// Returns all that would have been found against the request.
    pub fn findings(&self) -> &[Finding] {
        self.conclusion.and_then(|conclusion| conclusion.rejection.as_ref()).map_or(&[], Rejection::findings)
    }

    /// Returns the id that links the answer with the log, if there is one; see [`Correlation`](super::Correlation).
    pub const fn id(&self) -> Option<&str> {
        self.id
    }

    /// Whether it would have been decided as it was.
    pub fn agrees(&self) -> bool {
        match self.verdict() {
            Verdict::WouldAccept => self.outcome == Outcome::Accepted,
            Verdict::WouldRefuse => self.outcome != Outcome::Accepted,
            Verdict::Undecided => false,
        }
    }
}

/// Both decisions, and what would have been found, in one line.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, report-only {}", self.outcome.as_str(), self.verdict().as_str())?;
        match self.conclusion {
            Some(Conclusion { rejection: Some(rejection), .. }) => write!(f, ": {rejection}"),
            Some(Conclusion { schemes, .. }) => write!(f, " by {}", Schemes(schemes.as_slice())),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("verdict", &self.verdict())
            .field("outcome", &self.outcome)
            .field("findings", &self.findings())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
