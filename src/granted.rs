//! What a successful authentication grants.

use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::{Details, Finding, Rejection, observe::Tried};

/// An identity, the schemes it was granted by, and headers for the response.
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
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) passed_over: Vec<Finding>,
    pub(crate) aside: Option<Box<Aside>>,
}

/// What a grant has for whoever watches. Most have none of it, so that it takes no room in them.
#[derive(Clone, Default)]
pub(crate) struct Aside {
    details: Details,
    /// What requirements would have decided that only report; nothing, if they panicked.
    reported: Vec<Option<Tried>>,
}

impl<I> Granted<I> {
    /// Grants an identity by a scheme, called by its [name](crate::Scheme::name).
    pub const fn new(identity: I, scheme: &'static str) -> Self {
        Self {
            identity,
            schemes: Schemes::One([scheme]),
            headers: Vec::new(),
            passed_over: Vec::new(),
            aside: None,
        }
    }

    /// Adds a header to the response. Where the inner service sets the same header, or a cookie of the same name, its
    /// own stays.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds particulars for logs and events, as far as they are not known yet.
    pub fn with_details(mut self, details: Details) -> Self {
        let aside = self.aside.get_or_insert_default();
        aside.details = std::mem::take(&mut aside.details).or(details);
        self
    }

    /// Replaces the identity.
    pub fn map<T>(self, f: impl FnOnce(I) -> T) -> Granted<T> {
        let (Granted { schemes, headers, passed_over, aside, .. }, identity) = self.split();
        Granted { identity: f(identity), schemes, headers, passed_over, aside }
    }

    /// Takes the identity out.
    pub(crate) fn split(self) -> (Granted<()>, I) {
        let Self { identity, schemes, headers, passed_over, aside } = self;
        (Granted { identity: (), schemes, headers, passed_over, aside }, identity)
    }

    /// Returns the identity.
    pub const fn identity(&self) -> &I {
        &self.identity
    }

    /// Returns the names of the schemes that granted it.
    pub fn schemes(&self) -> &[&'static str] {
        self.schemes.as_slice()
    }

    /// Keeps what was refused on the way: the findings for the operator, the headers for the client.
    pub(crate) fn pass_over(&mut self, rejection: Rejection) {
        let (mut findings, mut headers) = rejection.into_parts();
        self.passed_over.append(&mut findings);
        self.headers.append(&mut headers);
    }

    pub(crate) fn details(&self) -> &Details {
        static NONE: Details = Details::new();
        self.aside.as_ref().map_or(&NONE, |aside| &aside.details)
    }

    /// Files a rejection of the identity under the schemes that granted it, with what is known of the grant, and with its headers:
    /// a cookie that was renewed is renewed whatever the answer.
    pub(crate) fn file(&self, rejection: Rejection) -> Rejection {
        rejection.found_by_all(self.schemes()).about(self.details()).with_missing_headers(&self.headers)
    }

    pub(crate) fn reported(&self) -> &[Option<Tried>] {
        self.aside.as_ref().map_or(&[], |aside| &aside.reported)
    }

    pub(crate) fn report(&mut self, tried: Option<Tried>) {
        self.aside.get_or_insert_default().reported.push(tried);
    }

    /// Grants `None` to who brought nothing.
    pub(crate) fn nobody() -> Granted<Option<I>> {
        Granted {
            identity: None,
            schemes: Schemes::None,
            headers: Vec::new(),
            passed_over: Vec::new(),
            aside: None,
        }
    }

    /// Joins two grants that were demanded together.
    pub(crate) fn and<J>(self, mut other: Granted<J>) -> Granted<(I, J)> {
        let Self { identity, schemes, mut headers, mut passed_over, aside } = self;
        headers.append(&mut other.headers);
        passed_over.append(&mut other.passed_over);
        Granted {
            identity: (identity, other.identity),
            schemes: schemes.and(&other.schemes),
            headers,
            passed_over,
            aside: Aside::join(aside, other.aside),
        }
    }
}

impl Aside {
    fn join(one: Option<Box<Self>>, other: Option<Box<Self>>) -> Option<Box<Self>> {
        match (one, other) {
            (Some(mut one), Some(mut other)) => {
                one.details = std::mem::take(&mut one.details).or(other.details);
                one.reported.append(&mut other.reported);
                Some(one)
            }
            (one, other) => one.or(other),
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
