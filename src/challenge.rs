//! What a client has to bring: one challenge, and the list that an answer carries.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::{Rejection, RejectionKind, asked::Asked};

/// One `WWW-Authenticate` value (RFC 9110 §11.6.1): checked, escaped and rendered when built, so it can always be sent.
///
/// ```
/// use tower_authn::Challenge;
///
/// let challenge = Challenge::new("Basic").param("realm", "files").param("charset", "UTF-8").build()?;
/// assert_eq!(challenge.as_str(), r#"Basic realm="files", charset="UTF-8""#);
///
/// assert!(Challenge::new("Basic").param("realm", "bad\r\n").build().is_err());
/// # Ok::<(), tower_authn::ChallengeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(Arc<Rendered>);

/// Shared by all answers: a scheme renders most of its challenges once.
#[derive(Debug, PartialEq, Eq)]
struct Rendered {
    value: HeaderValue,
    scheme_len: usize,
    precedence: Precedence,
}

impl Challenge {
    /// Starts a challenge of a scheme.
    #[allow(clippy::new_ret_no_self)] // a challenge is only had once it is checked
    pub fn new(scheme: &str) -> ChallengeBuilder {
        let error = if is_token(scheme) { None } else { Some(ChallengeError::BadScheme) };
        ChallengeBuilder { text: scheme.to_owned(), scheme_len: scheme.len(), names: Vec::new(), error }
    }

    /// Returns the scheme's name.
    pub fn scheme(&self) -> &str {
        std::str::from_utf8(&self.0.value.as_bytes()[..self.0.scheme_len]).unwrap_or_default() // a token
    }

    /// Returns the whole value.
    pub fn as_str(&self) -> &str {
        self.0.value.to_str().unwrap_or_default() // printable ASCII by construction
    }

    /// Returns the value as it is sent.
    pub fn header_value(&self) -> &HeaderValue {
        &self.0.value
    }

    fn rendered(value: HeaderValue, scheme_len: usize, precedence: Precedence) -> Self {
        Self(Arc::new(Rendered { value, scheme_len, precedence }))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// ===== impl ChallengeBuilder =====

/// Makes a [`Challenge`]; the first mistake is reported by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct ChallengeBuilder {
    text: String,
    scheme_len: usize,
    names: Vec<String>,
    error: Option<ChallengeError>,
}

/// The most parameters of one challenge: each is held against all before it. Registered schemes have about ten.
const MAX_PARAMS: usize = 32;

impl ChallengeBuilder {
    /// Adds a parameter, quoted. The name occurs once; the value is printable ASCII. A challenge has at
    /// most 32 parameters.
    pub fn param(mut self, name: &str, value: &str) -> Self {
        if self.names.len() == MAX_PARAMS {
            self.fail(ChallengeError::TooManyParams);
            return self;
        }
        if !is_token(name) {
            self.fail(ChallengeError::BadName(name.to_owned()));
        } else if self.names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            self.fail(ChallengeError::RepeatedName(name.to_owned()));
        } else if !value.bytes().all(|byte| is_printable(byte) && (is_quotable(byte) || !is_oauth(name))) {
            self.fail(ChallengeError::BadValue(name.to_owned()));
        }
        self.text.push_str(if self.names.is_empty() { " " } else { ", " });
        self.text.push_str(name);
        self.text.push_str("=\"");
        for char in value.chars() {
            if matches!(char, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(char);
        }
        self.text.push('"');
        self.names.push(name.to_owned());
        self
    }

    /// Adds a parameter of run-time text: what may not stand in it is left out, as is an empty rest.
    ///
    /// In `error_description` also `=` is left out, for which clients search the header.
    pub fn filtered(self, name: &str, text: &str) -> Self {
        let keep = |char: &char| {
            u8::try_from(*char).is_ok_and(|byte| is_printable(byte) && is_quotable(byte))
                && !(*char == '=' && name.eq_ignore_ascii_case("error_description"))
        };
        let text: String = text.chars().filter(keep).collect();
        if text.is_empty() { self } else { self.param(name, &text) }
    }

    /// Checks and renders the challenge.
    ///
    /// # Errors
    ///
    /// A scheme or parameter name that is no token, a name that occurs twice, more than 32 parameters, a value
    /// with control characters or characters outside ASCII, or an `error`, `error_description`, `error_uri` or
    /// `scope` with `"` or `\` (RFC 6750 §3).
    pub fn build(self) -> Result<Challenge, ChallengeError> {
        let precedence = Precedence::of(&self.text[..self.scheme_len], &self.names);
        match self.error {
            Some(error) => Err(error),
            None => HeaderValue::try_from(self.text)
                .map(|value| Challenge::rendered(value, self.scheme_len, precedence))
                .map_err(|_| ChallengeError::BadScheme),
        }
    }

    fn fail(&mut self, error: ChallengeError) {
        self.error.get_or_insert(error);
    }
}

/// Why a challenge cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeError {
    /// The scheme's name is no token (RFC 9110 §5.6.2).
    BadScheme,
    /// The parameter's name is no token.
    BadName(String),
    /// The parameter occurs twice.
    RepeatedName(String),
    /// There are more than 32 parameters.
    TooManyParams,
    /// The parameter's value holds a character that may not stand there.
    BadValue(String),
}

impl fmt::Display for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadScheme => f.write_str("the scheme of a challenge must be a token"),
            Self::BadName(name) => write!(f, "the parameter name {name:?} is not a token"),
            Self::RepeatedName(name) => write!(f, "the parameter {name} occurs twice"),
            Self::TooManyParams => write!(f, "a challenge has at most {MAX_PARAMS} parameters"),
            Self::BadValue(name) => {
                write!(f, "the value of {name} holds a character that may not stand there")
            }
        }
    }
}

impl std::error::Error for ChallengeError {}

/// The parameters whose values RFC 6750 §3 restricts.
fn is_oauth(name: &str) -> bool {
    ["error", "error_description", "error_uri", "scope"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

const fn is_quotable(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\')
}

/// A token (RFC 9110 §5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// The order of challenges in an answer. nginx's `auth_request` forwards the first line alone, and some clients read no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence {
    /// It says what is wrong with the credentials that the client sent.
    Error,
    Bearer,
    DPoP,
    /// It has a line of its own before Basic's: GNU wget 1.21 aborts at a line that follows Basic's.
    Other,
    Basic,
    /// It joins Basic's line, where wget, curl, urllib, Java, Chromium and nginx all read past it.
    JoinsBasic,
}

/// The schemes of IANA's registry beside Bearer, DPoP and Basic; curl and wget would break on one of them in Basic's line.
const REGISTERED: [&str; 11] = [
    "Concealed",
    "Digest",
    "GNAP",
    "HOBA",
    "Mutual",
    "Negotiate",
    "OAuth",
    "PrivateToken",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "vapid",
];

impl Precedence {
    fn of(scheme: &str, names: &[String]) -> Self {
        let is = |known: &&str| known.eq_ignore_ascii_case(scheme);
        if names.iter().any(|name| name.eq_ignore_ascii_case("error")) {
            return Self::Error;
        }
        let known = [("Bearer", Self::Bearer), ("DPoP", Self::DPoP), ("Basic", Self::Basic)];
        if let Some((_, precedence)) = known.iter().find(|(name, _)| is(name)) {
            return *precedence;
        }
        let begins_with_realm = names.first().is_some_and(|name| name.eq_ignore_ascii_case("realm"));
        if begins_with_realm && !REGISTERED.iter().any(is) { Self::JoinsBasic } else { Self::Other }
    }
}

// ===== impl Challenges =====

/// The challenges that an [`Authenticator`](crate::Authenticator) has to offer for a rejection.
///
/// It also knows which schemes were asked, so that a rejection from inside finds the layer that owns its scheme.
///
/// ```
/// use tower_authn::{Asked, Authenticator, Challenges, Granted, Part, Rejection, Visit};
///
/// /// Hands everything through, as a wrapper of an authenticator does.
/// struct Wrapper<A>(A);
///
/// impl<A: Authenticator> Authenticator for Wrapper<A> {
///     type Credentials = A::Credentials;
///     type Identity = A::Identity;
///
///     fn extract(&self, head: &mut http::request::Parts, asked: &Asked) -> Result<Option<A::Credentials>, Rejection> {
///         self.0.extract(head, asked)
///     }
///
///     async fn validate(&self, credentials: A::Credentials, visit: &mut Visit) -> Result<Granted<A::Identity>, Rejection> {
///         self.0.validate(credentials, visit).await
///     }
///
///     fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
///         self.0.challenge(rejection, challenges);
///     }
///
///     fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
///         self.0.each_part(show);
///     }
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Challenges {
    /// The first few, for which nothing is allocated; those after an empty place are empty, until some are left out.
    few: [Option<Offer>; 3],
    more: Vec<Offer>,
}

/// What a scheme has to offer.
#[derive(Clone, Debug, PartialEq)]
struct Offer {
    scheme: &'static str,
    challenge: Option<Challenge>,
}

impl Challenges {
    /// Asks an authenticator.
    pub(crate) fn offered(authenticator: &impl crate::Authenticator, rejection: &Rejection) -> Self {
        let mut challenges = Self::default();
        authenticator.challenge(rejection, &mut challenges);
        challenges
    }

    /// Adds what a scheme has to offer. The same challenge twice counts once.
    pub fn add(&mut self, scheme: &'static str, challenge: Option<Challenge>) {
        let offer = Offer { scheme, challenge };
        for place in &mut self.few {
            match place {
                Some(known) if *known == offer => return,
                Some(_) => {}
                None => {
                    *place = Some(offer);
                    return;
                }
            }
        }
        if !self.more.contains(&offer) {
            self.more.push(offer);
        }
    }

    /// Adds all that another has to offer.
    pub(crate) fn append(&mut self, other: Self) {
        for offer in other.few.into_iter().flatten().chain(other.more) {
            self.add(offer.scheme, offer.challenge);
        }
    }

    /// Keeps the names of the schemes, and offers nothing.
    pub(crate) fn silent(mut self) -> Self {
        for offer in self.few.iter_mut().flatten().chain(&mut self.more) {
            offer.challenge = None;
        }
        self
    }

    /// Whether there is anything to offer.
    pub(crate) fn any(&self) -> bool {
        self.offers().any(|offer| offer.challenge.is_some())
    }

    /// Whether one of the schemes asked is one that the rejection is filed under.
    pub(crate) fn own(&self, rejection: &Rejection) -> bool {
        self.schemes().any(|scheme| rejection.finding(scheme).is_some())
    }

    pub(crate) fn schemes(&self) -> impl Iterator<Item = &'static str> {
        self.offers().map(|offer| offer.scheme)
    }

    /// Returns the challenges, the most important first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Challenge> {
        let challenges = move || self.offers().filter_map(|offer| offer.challenge.as_ref());
        // Few of all precedences occur: the next is looked for among those that do.
        let after = move |last: Option<Precedence>| {
            challenges().map(|challenge| challenge.0.precedence).filter(|next| Some(*next) > last).min()
        };
        std::iter::successors(after(None), move |last| after(Some(*last))).flat_map(move |precedence| {
            challenges().filter(move |challenge| challenge.0.precedence == precedence)
        })
    }

    /// Appends one `WWW-Authenticate` line for each challenge, but for those that join Basic's line.
    pub(crate) fn append_to(&self, headers: &mut HeaderMap) {
        let mut basic: Option<&Challenge> = None;
        let mut joined: Vec<u8> = Vec::new();
        for challenge in self.iter() {
            match (challenge.0.precedence, basic) {
                (Precedence::JoinsBasic, Some(basic)) => {
                    if joined.is_empty() {
                        joined.extend_from_slice(basic.header_value().as_bytes());
                    }
                    joined.extend_from_slice(b", ");
                    joined.extend_from_slice(challenge.header_value().as_bytes());
                }
                (Precedence::Basic, before) => {
                    if let Some(before) = before {
                        headers.append(header::WWW_AUTHENTICATE, before.header_value().clone());
                    }
                    basic = Some(challenge);
                }
                _ => drop(headers.append(header::WWW_AUTHENTICATE, challenge.header_value().clone())),
            }
        }
        if let Some(basic) = basic {
            let line = if joined.is_empty() {
                None
            } else {
                HeaderValue::from_maybe_shared(Bytes::from(joined)).ok()
            };
            let line = line.unwrap_or_else(|| basic.header_value().clone());
            headers.append(header::WWW_AUTHENTICATE, line);
        }
    }

    /// Keeps what goes with the kind of the rejection and with who asked.
    pub(crate) fn fit(&mut self, rejection: &Rejection, asked: &Asked, basic: BasicForScripts) {
        match rejection.kind() {
            RejectionKind::StepUp
            | RejectionKind::Malformed
            | RejectionKind::Invalid
            | RejectionKind::Missing => {}
            RejectionKind::Insufficient => self.keep(|offer| {
                rejection.finding(offer.scheme).is_some_and(|finding| finding.demand().is_some())
            }),
            RejectionKind::Misconfigured
            | RejectionKind::Unavailable
            | RejectionKind::Throttled
            | RejectionKind::Forbidden
            | RejectionKind::Concealed => return *self = Self::default(),
        }
        if basic == BasicForScripts::Hidden && asked.is_script() {
            self.hide_basic();
        }
    }

    /// Leaves Basic out; where nothing else remains, renames it, since a 401 needs a challenge.
    fn hide_basic(&mut self) {
        let is_basic = |challenge: &Challenge| challenge.0.precedence == Precedence::Basic;
        if !self.iter().all(is_basic) {
            return self.keep(|offer| !offer.challenge.as_ref().is_some_and(is_basic));
        }
        for offer in self.few.iter_mut().flatten().chain(&mut self.more) {
            let renamed =
                offer.challenge.as_ref().and_then(|basic| HeaderValue::try_from(format!("x{basic}")).ok());
            if let (Some(challenge), Some(value)) = (&mut offer.challenge, renamed) {
                let scheme_len = challenge.0.scheme_len + 1;
                *challenge = Challenge::rendered(value, scheme_len, Precedence::Other);
            }
        }
    }

    fn keep(&mut self, keep: impl Fn(&Offer) -> bool) {
        for place in &mut self.few {
            if place.as_ref().is_some_and(|offer| !keep(offer)) {
                *place = None;
            }
        }
        self.more.retain(keep);
    }

    fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.few.iter().flatten().chain(&self.more)
    }
}

/// Whether scripts get the `Basic` challenge, for which browsers open their own prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BasicForScripts {
    Hidden,
    Shown,
}
