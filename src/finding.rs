//! One thing found wrong with one scheme's credentials.

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use crate::{Details, Reason, RejectionKind};

/// What the client would have to bring for the request to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Demand {
    /// A token with all of these scopes, separated by blanks (RFC 6750 §3.1). The client sees 403 `insufficient_scope`.
    Scope(Cow<'static, str>),
    /// A sign-in of one of these authentication context classes, separated by blanks (RFC 9470 §3).
    Acr(Cow<'static, str>),
    /// A sign-in that is no older than this, in whole seconds (RFC 9470 §3).
    MaxAge(Duration),
}

/// What one scheme, or a requirement, found against the credentials. For operators: nothing here reaches the client
/// but through the [`challenge`](crate::Scheme::challenge) of the scheme.
///
/// ```
/// use tower_authn::{Reason, Rejection};
///
/// let rejection = Rejection::invalid().with_reason(Reason::WrongPassword).found_by("Basic");
/// let finding = rejection.finding("Basic").expect("filed under Basic");
/// assert_eq!(finding.to_string(), "Basic: wrong_password");
/// ```
#[derive(Clone)]
pub struct Finding {
    pub(crate) scheme: Option<&'static str>,
    pub(crate) kind: RejectionKind,
    pub(crate) reason: Reason,
    pub(crate) demand: Option<Demand>,
    pub(crate) cause: Option<Arc<dyn Error + Send + Sync>>,
    pub(crate) details: Details,
}

impl Finding {
    pub(crate) const fn new(kind: RejectionKind, reason: Reason) -> Self {
        Self { scheme: None, kind, reason, demand: None, cause: None, details: Details::new() }
    }

    /// Returns the name of the scheme that found it, or `None` before it is filed under one.
    pub fn scheme(&self) -> Option<&'static str> {
        self.scheme
    }

    /// Returns what the client would be told, had this been the only finding.
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Returns the stable code for logs and metrics.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns what would have to be brought.
    pub fn demand(&self) -> Option<&Demand> {
        self.demand.as_ref()
    }

    /// Returns the private cause.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// Returns issuer, key and address, as far as they are known.
    pub fn details(&self) -> &Details {
        &self.details
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finding")
            .field("scheme", &self.scheme)
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .field("demand", &self.demand)
            .field("cause", &self.cause)
            .field("details", &self.details)
            .finish()
    }
}

/// `scheme: reason: cause`, with what is not known left out. Control characters of the cause are escaped, so that it
/// stays one line of a log, whatever text of a request an app's error repeats.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{scheme}: ")?;
        }
        f.write_str(self.reason.as_str())?;
        match &self.cause {
            Some(cause) => write!(OneLine(f), ": {cause}"),
            None => Ok(()),
        }
    }
}

struct OneLine<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|char| {
            if char.is_control() {
                write!(self.0, "{}", char.escape_default())
            } else {
                self.0.write_char(char)
            }
        })
    }
}
