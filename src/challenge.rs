//! What a client has to bring: one challenge, and the list that an answer carries.

use std::fmt;

use http::HeaderValue;

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
pub struct Challenge {
    value: HeaderValue,
    scheme_len: usize,
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
        std::str::from_utf8(&self.value.as_bytes()[..self.scheme_len]).unwrap_or_default() // a token
    }

    /// Returns the whole value.
    pub fn as_str(&self) -> &str {
        self.value.to_str().unwrap_or_default() // printable ASCII by construction
    }

    /// Returns the value as it is sent.
    pub fn header_value(&self) -> &HeaderValue {
        &self.value
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

impl ChallengeBuilder {
    /// Adds a parameter, quoted. The name occurs once; the value is printable ASCII.
    pub fn param(mut self, name: &str, value: &str) -> Self {
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
    /// A scheme or parameter name that is no token, a name that occurs twice, a value with control characters or
    /// characters outside ASCII, or an `error`, `error_description`, `error_uri` or `scope` with `"` or `\`
    /// (RFC 6750 §3).
    pub fn build(self) -> Result<Challenge, ChallengeError> {
        match self.error {
            Some(error) => Err(error),
            None => HeaderValue::try_from(self.text)
                .map(|value| Challenge { value, scheme_len: self.scheme_len })
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
    /// The parameter's value holds a character that may not stand there.
    BadValue(String),
}

impl fmt::Display for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadScheme => f.write_str("the scheme of a challenge must be a token"),
            Self::BadName(name) => write!(f, "the parameter name {name:?} is not a token"),
            Self::RepeatedName(name) => write!(f, "the parameter {name} occurs twice"),
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

fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

// ===== impl Challenges =====

/// The challenges that an [`Authenticator`](crate::Authenticator) has to offer for a rejection.
///
/// It also knows which schemes were asked, so that a rejection from inside finds the layer that owns its scheme.
#[derive(Clone, Debug, Default)]
pub struct Challenges(Vec<(&'static str, Option<Challenge>)>);

impl Challenges {
    /// Asks an authenticator.
    pub(crate) fn offered(authenticator: &impl crate::Authenticator, rejection: &Rejection) -> Self {
        let mut challenges = Self::default();
        authenticator.challenge(rejection, &mut challenges);
        challenges
    }

    /// Adds what a scheme has to offer. The same challenge twice counts once.
    pub fn add(&mut self, scheme: &'static str, challenge: Option<Challenge>) {
        if !self.0.iter().any(|(known, offer)| *known == scheme && *offer == challenge) {
            self.0.push((scheme, challenge));
        }
    }

    /// Whether there is anything to offer.
    pub(crate) fn any(&self) -> bool {
        self.0.iter().any(|(_, challenge)| challenge.is_some())
    }

    /// Whether one of the schemes asked is one that the rejection is filed under.
    pub(crate) fn own(&self, rejection: &Rejection) -> bool {
        self.schemes().any(|scheme| rejection.finding(scheme).is_some())
    }

    pub(crate) fn schemes(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(scheme, _)| *scheme)
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Keeps what goes with the kind of the rejection and with who asked, the most important first: clients and
    /// proxies that look at one line only look at the first.
    pub(crate) fn fit(
        mut self,
        rejection: &Rejection,
        asked: &Asked,
        basic: BasicForScripts,
    ) -> Vec<Challenge> {
        match rejection.kind() {
            RejectionKind::StepUp
            | RejectionKind::Malformed
            | RejectionKind::Invalid
            | RejectionKind::Missing => {}
            RejectionKind::Insufficient => self.0.retain(|(scheme, _)| {
                rejection.finding(scheme).is_some_and(|finding| finding.demand().is_some())
            }),
            RejectionKind::Misconfigured
            | RejectionKind::Unavailable
            | RejectionKind::Throttled
            | RejectionKind::Forbidden
            | RejectionKind::Concealed => return Vec::new(),
        }
        let mut challenges: Vec<Challenge> =
            self.0.into_iter().filter_map(|(_, challenge)| challenge).collect();
        challenges.sort_by_key(|challenge| precedence(challenge.scheme()));
        if basic == BasicForScripts::Hidden && asked.is_script() {
            hide_basic(&mut challenges);
        }
        challenges
    }
}

/// Whether scripts get the `Basic` challenge, for which browsers open their own prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BasicForScripts {
    Hidden,
    Shown,
}

fn is_basic(challenge: &Challenge) -> bool {
    challenge.scheme().eq_ignore_ascii_case("Basic")
}

/// Leaves Basic out; where nothing else remains, renames it, since a 401 needs a challenge.
fn hide_basic(challenges: &mut Vec<Challenge>) {
    if challenges.iter().all(is_basic) {
        for challenge in challenges {
            if let Ok(renamed) = HeaderValue::try_from(format!("x{challenge}")) {
                *challenge = Challenge { value: renamed, scheme_len: challenge.scheme_len + 1 };
            }
        }
    } else {
        challenges.retain(|challenge| !is_basic(challenge));
    }
}

fn precedence(scheme: &str) -> usize {
    let known = ["Bearer", "DPoP", "Basic"];
    known.iter().position(|name| name.eq_ignore_ascii_case(scheme)).unwrap_or(known.len())
}
