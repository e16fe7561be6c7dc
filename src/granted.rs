//! What a successful authentication grants.

use std::fmt;

use crate::{Details, Finding, Rejection};

/// An identity, and the schemes that it was granted by.
///
/// There is no `From<I>`: a grant names its scheme.
///
/// ```
/// use tower_authn::Granted;
///
/// let granted = Granted::new("alice", "Basic").map(str::len);
/// assert_eq!((*granted.identity(), granted.schemes()), (5, &["Basic"][..]));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Granted<I> {
    pub(crate) identity: I,
    pub(crate) schemes: Schemes,
    /// Only made if somebody listens, so that it takes no room in most.
    pub(crate) details: Option<Box<Details>>,
}

impl<I> Granted<I> {
    /// Grants an identity by a scheme, called by its [name](crate::Scheme::name).
    pub const fn new(identity: I, scheme: &'static str) -> Self {
        Self { identity, schemes: Schemes::One([scheme]), details: None }
    }

    /// Adds particulars for logs and events, as far as they are not known yet.
    pub fn with_details(mut self, details: Details) -> Self {
        Details::complete(&mut self.details, details);
        self
    }

    /// Replaces the identity.
    pub fn map<T>(self, f: impl FnOnce(I) -> T) -> Granted<T> {
        let Self { identity, schemes, details } = self;
        Granted { identity: f(identity), schemes, details }
    }

    /// Takes the identity out.
    pub(crate) fn split(self) -> (Granted<()>, I) {
        let Self { identity, schemes, details } = self;
        (Granted { identity: (), schemes, details }, identity)
    }

    /// Returns the identity.
    pub const fn identity(&self) -> &I {
        &self.identity
    }

    /// Returns the names of the schemes that granted it.
    pub fn schemes(&self) -> &[&'static str] {
        self.schemes.as_slice()
    }

    pub(crate) fn details(&self) -> &Details {
        static NONE: Details = Details::new();
        self.details.as_deref().unwrap_or(&NONE)
    }

    /// Files a rejection of the identity under the schemes that granted it, with what is known of the grant.
    pub(crate) fn file(&self, rejection: Rejection) -> Rejection {
        rejection.found_by_all(self.schemes()).about(self.details())
    }

    /// Grants `None` to a request without credentials.
    pub(crate) const fn nobody() -> Granted<Option<I>> {
        Granted { identity: None, schemes: Schemes::None, details: None }
    }

    /// Joins two grants that were demanded together.
    pub(crate) fn and<J>(self, other: Granted<J>) -> Granted<(I, J)> {
        let details = match (self.details, other.details) {
            (Some(one), Some(other)) => Some(Box::new(one.or(*other))),
            (one, other) => one.or(other),
        };
        Granted {
            identity: (self.identity, other.identity),
            schemes: self.schemes.and(&other.schemes),
            details,
        }
    }
}

/// Shows no identity.
impl<I> fmt::Debug for Granted<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("schemes", &self.schemes()).finish_non_exhaustive()
    }
}

/// The names of schemes, without an allocation where there is one, as is usual.
#[derive(Clone, Debug)]
pub(crate) enum Schemes {
    None,
    One([&'static str; 1]),
    Many(Vec<&'static str>),
}

impl Schemes {
    /// The one whose finding decided.
    pub(crate) fn to_blame(rejection: &Rejection) -> Self {
        rejection.first().and_then(Finding::scheme).map_or(Self::None, |scheme| Self::One([scheme]))
    }

    pub(crate) fn as_slice(&self) -> &[&'static str] {
        match self {
            Self::None => &[],
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }

    fn and(self, other: &Self) -> Self {
        match (self, other.as_slice()) {
            (schemes, []) => schemes,
            (Self::None, _) => other.clone(),
            (schemes, more) => Self::Many([schemes.as_slice(), more].concat()),
        }
    }
}

/// What was found against other credentials of a request that was accepted, such as a stale cookie beside a good token.
///
/// It lies in the extensions of the response, for logs and metrics; what several layers passed over lies there together.
///
/// ```
/// use tower_authn::PassedOver;
///
/// fn log<B>(response: &http::Response<B>) {
///     for finding in response.extensions().get::<PassedOver>().into_iter().flat_map(PassedOver::findings) {
///         eprintln!("passed over: {finding}");
///     }
/// }
/// # log(&http::Response::new(()));
/// ```
#[derive(Clone, Debug)]
pub struct PassedOver(pub(crate) Vec<Finding>);

impl PassedOver {
    /// Returns the findings, in the order in which they were made, those of an inner layer first.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }
}
