//! One request turned away: what the client is told, and what the operator is told.

use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::{Demand, Details, Finding, Reason};

/// What the client is told about a request that was turned away. The order is the rank: where several schemes refuse,
/// the first in this list answers.
///
/// | kind | status | challenges |
/// |---|---|---|
/// | `Misconfigured` | 500 | none |
/// | `Unavailable` | 503, `Retry-After` | none |
/// | `Throttled` | 429, `Retry-After` | none |
/// | `Insufficient` | 403 | only of a scheme that can name what is demanded |
/// | `StepUp` | 401 | all |
/// | `Malformed` | 400 | all |
/// | `Invalid` | 401 | all |
/// | `Missing` | 401 | all, none with an error |
/// | `Forbidden` | 403 | none |
/// | `Concealed` | 404 | none |
///
/// A 401 without any challenge is not allowed (RFC 9110 §15.5.2); where no scheme has one, it becomes a 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The server is set up wrongly.
    Misconfigured,
    /// What would decide is down; the credentials may be good.
    Unavailable,
    /// Too many failures; the credentials were not looked at.
    Throttled,
    /// The client is known, but not entitled.
    Insufficient,
    /// The client is known, but has to sign in more strongly or again (RFC 9470).
    StepUp,
    /// The credentials cannot be read.
    Malformed,
    /// The credentials are not accepted.
    Invalid,
    /// There are no credentials, or they died of age.
    Missing,
    /// Refused whoever asks, for example for the client's address.
    Forbidden,
    /// Refused, and it is not told that there was something to refuse.
    Concealed,
}

impl RejectionKind {
    /// Returns the stable name, for example `invalid`; it stands in problem documents as `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Misconfigured => "misconfigured",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::Insufficient => "insufficient",
            Self::StepUp => "step_up",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::Forbidden => "forbidden",
            Self::Concealed => "not_found",
        }
    }

    /// Returns the status of an answer that carries a challenge or does not.
    pub(crate) const fn status(self, challenged: bool) -> StatusCode {
        match self {
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::StepUp | Self::Invalid | Self::Missing if challenged => StatusCode::UNAUTHORIZED,
            Self::StepUp | Self::Invalid | Self::Missing | Self::Insufficient | Self::Forbidden => {
                StatusCode::FORBIDDEN
            }
            Self::Concealed => StatusCode::NOT_FOUND,
        }
    }
}

/// A request turned away, with its two audiences: the client gets the [kind](RejectionKind), the operator the
/// [findings](Finding).
///
/// Return it from a validator, a handler or an extractor; the nearest fitting layer draws it as it draws its own.
/// It deliberately is no [`std::error::Error`], so that `?` on any error makes [`unavailable`](Self::unavailable): a
/// broken database is a 503, never a wrong password.
///
/// ```
/// use tower_authn::{BearerToken, Rejection, RejectionKind};
///
/// fn parse(token: &BearerToken) -> Result<Option<u64>, Rejection> {
///     if token.expose().is_empty() {
///         return Ok(None); // refused: 401
///     }
///     Ok(Some(std::fs::read_to_string("/no/such/file")?.len() as u64)) // an error: 503
/// }
///
/// let rejection = parse(&BearerToken::new("x")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::Unavailable);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Rejection {
    kind: RejectionKind,
    findings: Vec<Finding>,
    headers: Vec<(HeaderName, HeaderValue)>,
    retry_after: Option<Duration>,
    id: Option<Arc<str>>,
    teller: Teller,
}

/// Who writes a mistake in the set-up to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Teller {
    Nobody,
    Layer,
}

/// How long a client is asked to wait for what is down.
const UNAVAILABLE_FOR: Duration = Duration::from_secs(5);

impl Rejection {
    /// No credentials. The client sees 401 with every challenge and no error.
    ///
    /// With a reason it is a dead credential that counts as none, such as an expired session.
    pub const fn missing() -> Self {
        Self {
            kind: RejectionKind::Missing,
            findings: Vec::new(),
            headers: Vec::new(),
            retry_after: None,
            id: None,
            teller: Teller::Nobody,
        }
    }

    /// Credentials that cannot be read. The client sees 400, with `error="invalid_request"` on Bearer.
    pub fn malformed() -> Self {
        Self::found(Finding::new(RejectionKind::Malformed, Reason::Malformed))
    }

    /// Credentials that are not accepted. The client sees 401, with `error="invalid_token"` on Bearer.
    pub fn invalid() -> Self {
        Self::found(Finding::new(RejectionKind::Invalid, Reason::Unknown))
    }

    /// A sign-in too weak or too old for this request. The client sees 401, with
    /// `error="insufficient_user_authentication"` and the demand on Bearer (RFC 9470).
    pub fn step_up(demand: Demand) -> Self {
        let mut finding = Finding::new(RejectionKind::StepUp, Reason::StepUpNeeded);
        finding.demand = Some(demand);
        Self::found(finding)
    }

    /// Known, but not entitled. The client sees 403 without a challenge.
    pub fn insufficient() -> Self {
        Self::found(Finding::new(RejectionKind::Insufficient, Reason::PolicyDenied))
    }

    /// The token lacks one of these scopes (all that are needed, separated by blanks). The client sees 403, with
    /// `error="insufficient_scope"` on Bearer (RFC 6750 §3.1).
    pub fn insufficient_scope(scope: impl Into<Cow<'static, str>>) -> Self {
        let mut finding = Finding::new(RejectionKind::Insufficient, Reason::InsufficientScope);
        finding.demand = Some(Demand::Scope(scope.into()));
        Self::found(finding)
    }

    /// Refused whoever asks. The client sees 403 without a challenge.
    pub fn forbidden() -> Self {
        Self::found(Finding::new(RejectionKind::Forbidden, Reason::PolicyDenied))
    }

    /// Too many failures. The client sees 429 and `Retry-After`, in whole seconds, rounded up, at least one.
    pub fn throttled(retry_after: Duration) -> Self {
        Self::found(Finding::new(RejectionKind::Throttled, Reason::TooManyFailures))
            .with_retry_after(retry_after)
    }

    /// What would decide is down. The client sees 503 and `Retry-After: 5`.
    pub fn unavailable() -> Self {
        Self::found(Finding::new(RejectionKind::Unavailable, Reason::BackEndFailed))
            .with_retry_after(UNAVAILABLE_FOR)
    }

    /// The server is set up wrongly. The client sees 500; the cause says what to change.
    pub fn misconfigured(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::found(Finding::new(RejectionKind::Misconfigured, Reason::Misconfigured)).because(cause)
    }

    fn found(finding: Finding) -> Self {
        Self { kind: finding.kind, findings: vec![finding], ..Self::missing() }
    }

    /// Adds the private cause, which only operators see.
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.last_finding().cause = Some(Arc::from(cause.into()));
        self
    }

    /// Replaces the reason.
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.last_finding().reason = reason;
        self
    }

    /// Adds particulars for logs and events, such as the issuer; the client does not see them.
    pub fn with_details(mut self, details: Details) -> Self {
        let last = self.last_finding();
        last.details = details.or(std::mem::take(&mut last.details));
        self
    }

    /// Adds a header to the answer, for example a `Set-Cookie` that expires a dead cookie.
    ///
    /// Headers that the layer owns, such as `WWW-Authenticate`, are the layer's all the same.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Replaces how long the client is asked to wait.
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// Files what is not yet filed under a scheme, by its [name](crate::Scheme::name).
    pub fn found_by(self, scheme: &'static str) -> Self {
        self.found_by_all(&[scheme])
    }

    /// Hides that there was something to refuse: the client sees 404 without a challenge.
    pub fn concealed(mut self) -> Self {
        self.kind = RejectionKind::Concealed;
        self
    }

    /// Returns what the client is told.
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Returns the reason that ranks highest.
    pub fn reason(&self) -> Reason {
        self.first().map_or(Reason::Missing, |finding| finding.reason)
    }

    /// Returns the id that links the answer with the log, once a layer that [correlates] has drawn it.
    ///
    /// [correlates]: crate::AuthenticateLayer::correlate
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns how long the client is asked to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns everything that was found, in the order in which it was tried.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns what was found against the credentials of a scheme; if several, what ranks highest.
    pub fn finding(&self, scheme: &str) -> Option<&Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.scheme == Some(scheme))
            .min_by_key(|finding| finding.kind)
    }

    /// Returns an empty response that the nearest fitting layer draws; for services that are not axum handlers.
    ///
    /// Where no layer is around it, it is what the client sees: the bare status.
    ///
    /// ```
    /// let response: http::Response<String> = tower_authn::Rejection::insufficient().into_response();
    /// assert_eq!(response.status(), 403);
    /// ```
    pub fn into_response<B: Default>(self) -> Response<B> {
        crate::draw::undrawn(self)
    }
}

// ===== inside the crate =====

impl Rejection {
    /// Whether nothing was brought, so that `optional` may pass it as nobody.
    pub(crate) fn is_absence(&self) -> bool {
        self.kind == RejectionKind::Missing
            && self.findings.iter().all(|finding| finding.reason != Reason::Incomplete)
    }

    /// Whether any of it is filed under a scheme.
    pub(crate) fn is_filed(&self) -> bool {
        self.findings.iter().any(|finding| finding.scheme.is_some())
    }

    /// The finding that ranks highest.
    pub(crate) fn first(&self) -> Option<&Finding> {
        self.findings.iter().min_by_key(|finding| finding.kind)
    }

    /// The particulars of the finding that ranks highest, completed by those of the others.
    pub(crate) fn details(&self) -> Details {
        let first = self.first().map(|finding| finding.details.clone()).unwrap_or_default();
        self.findings.iter().fold(first, |details, finding| details.or(finding.details.clone()))
    }

    /// Completes the particulars of all findings.
    pub(crate) fn about(mut self, details: &Details) -> Self {
        for finding in &mut self.findings {
            finding.details = std::mem::take(&mut finding.details).or(details.clone());
        }
        self
    }

    pub(crate) fn shared_id(&self) -> Option<Arc<str>> {
        self.id.clone()
    }

    pub(crate) fn identify(&mut self, id: impl FnOnce() -> Arc<str>) {
        self.id.get_or_insert_with(id);
    }

    pub(crate) fn told_by_a_layer(mut self) -> Self {
        self.teller = Teller::Layer;
        self
    }

    pub(crate) fn is_told_by_a_layer(&self) -> bool {
        self.teller == Teller::Layer
    }

    pub(crate) fn found_by_all(mut self, schemes: &[&'static str]) -> Self {
        let Some((first, rest)) = schemes.split_first() else { return self };
        for index in 0..self.findings.len() {
            if self.findings[index].scheme.is_none() {
                self.findings[index].scheme = Some(first);
                for other in rest {
                    let copy = Finding { scheme: Some(other), ..self.findings[index].clone() };
                    self.findings.push(copy);
                }
            }
        }
        self
    }

    /// Joins what two alternatives found: the higher rank answers, everything is kept.
    pub(crate) fn or(mut self, mut other: Self) -> Self {
        self.retry_after = match self.kind.cmp(&other.kind) {
            std::cmp::Ordering::Less => self.retry_after,
            std::cmp::Ordering::Equal => self.retry_after.max(other.retry_after),
            std::cmp::Ordering::Greater => other.retry_after,
        };
        self.kind = self.kind.min(other.kind);
        self.findings.append(&mut other.findings);
        self.headers.append(&mut other.headers);
        self
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    pub(crate) fn into_parts(self) -> (Vec<Finding>, Vec<(HeaderName, HeaderValue)>) {
        (self.findings, self.headers)
    }

    fn last_finding(&mut self) -> &mut Finding {
        if self.findings.is_empty() {
            self.findings.push(Finding::new(self.kind, Reason::Missing));
        }
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }
}

/// Whatever goes wrong while credentials are validated is [`unavailable`](Rejection::unavailable).
impl<E: Error + Send + Sync + 'static> From<E> for Rejection {
    fn from(cause: E) -> Self {
        Self::unavailable().because(cause)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("kind", &self.kind)
            .field("findings", &self.findings)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

/// For operators: the kind and all findings.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        for (index, finding) in self.findings.iter().enumerate() {
            f.write_str(if index == 0 { " (" } else { "; " })?;
            finding.fmt(f)?;
        }
        f.write_str(if self.findings.is_empty() { "" } else { ")" })
    }
}
