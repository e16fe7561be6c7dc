//! What a validator may know beside the credentials, and what it may leave behind.

use std::{fmt, net::IpAddr};

use http::{Extensions, HeaderName, HeaderValue, header};

use crate::{Details, Finding, Rejection};

/// One validation of one request: whether it counts, who listens, and what goes along with the answer.
///
/// Every [`Validator`](crate::Validator) gets it. Most need nothing of it, and async functions of the credentials alone are
/// validators, too.
///
/// ```
/// use http::{HeaderValue, header::SET_COOKIE};
/// use tower_authn::{BearerToken, Rejection, Validator, Visit};
///
/// struct Renewed;
///
/// impl Validator<BearerToken> for Renewed {
///     type Identity = u32;
///
///     async fn validate(&self, _: BearerToken, visit: &mut Visit) -> Result<Option<u32>, Rejection> {
///         if !visit.is_trial() {
///             // … write the use down …
///             visit.add_header(SET_COOKIE, HeaderValue::from_static("seen=now"));
///         }
///         Ok(Some(7))
///     }
/// }
/// ```
pub struct Visit {
    purpose: Purpose,
    audience: Audience,
    client: Option<IpAddr>,
    headers: Vec<(HeaderName, HeaderValue)>,
    details: Option<Box<Details>>,
    passed_over: Vec<Finding>,
}

/// Whether a decision counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It lets a request pass or refuses it.
    Real,
    /// It is made as any other, and writes nothing down.
    Trial,
}

/// Whether anybody wants particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Listening,
    Nobody,
}

/// The client's address as a scheme resolved it, in the extensions of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResolvedClient(pub(crate) IpAddr);

impl Visit {
    /// Makes a visit for a validator that is called outside any layer, for example by the handler of a sign-in form. It counts,
    /// also where a trial calls it, and what is left behind in it reaches nobody.
    pub const fn outside() -> Self {
        Self::new(Purpose::Real, Audience::Nobody)
    }

    /// Makes a visit for a decision that is only tried out: throttles count nothing, sessions are not prolonged, no header is sent.
    pub const fn trial() -> Self {
        Self::new(Purpose::Trial, Audience::Nobody)
    }

    const fn new(purpose: Purpose, audience: Audience) -> Self {
        Self { purpose, audience, client: None, headers: Vec::new(), details: None, passed_over: Vec::new() }
    }

    /// Whether the decision does not count, as for [`report_only`](crate::AuthenticateLayer::report_only) and
    /// [`explain`](crate::AuthenticateLayer::explain): decide as ever, and write nothing down.
    pub const fn is_trial(&self) -> bool {
        matches!(self.purpose, Purpose::Trial)
    }

    /// Whether anybody listens: observers, the log or metrics.
    pub const fn is_watched(&self) -> bool {
        matches!(self.audience, Audience::Listening)
    }

    /// Returns the client's address, if a [`ClientAddr`](crate::scheme::ClientAddr) of the stack resolved it.
    pub const fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Adds a header to the answer, whatever its status: a renewed cookie, for example. If the inner service sets the same header, or
    /// a cookie of the same name, its own stays. `WWW-Authenticate`, `Retry-After` and `Cache-Control` are the layer's, and are
    /// left out; a trial adds nothing.
    pub fn add_header(&mut self, name: HeaderName, value: HeaderValue) {
        let owned = [header::WWW_AUTHENTICATE, header::RETRY_AFTER, header::CACHE_CONTROL];
        if !self.is_trial() && !owned.contains(&name) {
            self.headers.push((name, value));
        }
    }

    /// Adds particulars for logs and events, such as the issuer, as far as they are not known yet; they are only made if somebody
    /// [listens](Self::is_watched).
    pub fn about(&mut self, details: impl FnOnce() -> Details) {
        if self.is_watched() {
            Details::complete(&mut self.details, details());
        }
    }

    /// Returns what was found so far against other credentials of the request, which were passed over.
    pub fn passed_over(&self) -> &[Finding] {
        &self.passed_over
    }
}

// ===== inside the crate =====

impl Visit {
    /// Begins the visit of a request. The address is only looked for where something is in the extensions at all.
    pub(crate) fn of_request(extensions: &Extensions, audience: Audience) -> Self {
        let client = extensions.get::<ResolvedClient>().map(|client| client.0);
        Self { client, ..Self::new(Purpose::Real, audience) }
    }

    pub(crate) const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Sets the address where a part of the stack has resolved it for itself.
    pub(crate) fn set_client(&mut self, client: IpAddr) {
        self.client = Some(client);
    }

    /// Takes the particulars out, for the grant or the findings of the scheme whose validator has returned.
    pub(crate) fn take_details(&mut self) -> Option<Box<Details>> {
        self.details.take()
    }

    /// Keeps what was refused on the way: the findings for the operator, the headers for the client.
    pub(crate) fn pass_over(&mut self, rejection: Rejection) {
        let (mut findings, headers) = rejection.into_parts();
        self.passed_over.append(&mut findings);
        for (name, value) in headers {
            self.add_header(name, value);
        }
    }

    /// Where the headers stand, before an alternative is tried.
    pub(crate) const fn mark(&self) -> usize {
        self.headers.len()
    }

    /// Takes back what an alternative that was refused has added since a mark, but for the cookies that it expires.
    pub(crate) fn return_to(&mut self, mark: usize) {
        let mut index = 0;
        self.headers.retain(|(name, value)| {
            index += 1;
            index <= mark || *name == header::SET_COOKIE && expires(value)
        });
    }

    pub(crate) fn into_left_behind(self) -> (Vec<(HeaderName, HeaderValue)>, Vec<Finding>) {
        (self.headers, self.passed_over)
    }
}

/// Whether a `Set-Cookie` takes the cookie away.
fn expires(set_cookie: &HeaderValue) -> bool {
    let mut attributes = set_cookie.as_bytes().split(|byte| *byte == b';').skip(1);
    attributes.any(|attribute| attribute.trim_ascii().eq_ignore_ascii_case(b"max-age=0"))
}

/// Shows no header: one may be a cookie.
impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("purpose", &self.purpose)
            .field("audience", &self.audience)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
