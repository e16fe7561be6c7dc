use std::{error::Error, fmt, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, header, request::Parts};

use super::{Scheme, read};
use crate::{
    Asked, Challenge, ConfigurationWarning, Finding, Inspection, IntoRealm, Realm, Reason, Rejection,
};

/// A session's token in a cookie: `__Host-session` with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`, which the browser
/// forgets when it is closed (RFC 6265bis §4.1.3), unless it is [set for](Self::set_for) a time.
///
/// The client sees 401 `Session realm="…"`; the scheme is not registered, it is there since a 401 must have a challenge. A
/// cookie that stands for no session is expired in the same answer. One that occurs twice counts as none, since
/// somebody may have planted the other.
///
/// Complete it with `Sessions` (feature `session`), or with a validator of your own for [`SessionToken`].
///
/// ```
/// use tower_authn::{Reason, Rejection, Scheme, scheme::{SessionCookie, SessionToken}};
///
/// async fn find(token: SessionToken) -> Result<Option<u32>, Rejection> {
///     match token.expose() {
///         "a token that is known" => Ok(Some(42)),
///         _ => Err(token.ended(Reason::Unknown)), // 401, and the cookie is expired
///     }
/// }
/// let web = SessionCookie::new("web").validated_by(find);
/// # let _ = web;
/// ```
#[derive(Clone)]
#[must_use]
pub struct SessionCookie {
    shape: Shape,
    rendered: Arc<Rendered>,
    realm: Realm,
    challenge: Option<Challenge>,
}

/// The longest token that is looked at, in bytes; browsers keep no longer cookie.
const MAX_LEN: usize = 4096;
/// 400 days, in seconds.
const LONGEST: u64 = 400 * 24 * 60 * 60;

impl SessionCookie {
    /// Makes the scheme.
    ///
    /// # Panics
    ///
    /// A literal that is no [`Realm`](crate::Realm).
    #[track_caller]
    pub fn new(realm: impl IntoRealm) -> Self {
        let shape = Shape::default();
        let realm = realm.into_realm();
        let challenge = Challenge::new("Session").param("realm", realm.as_str()).build().ok();
        Self { rendered: Arc::new(shape.rendered()), shape, realm, challenge }
    }

    /// Sets the name, without its prefix: `name("id")` is `__Host-id`.
    ///
    /// # Panics
    ///
    /// A name that is no token (RFC 9110 §5.6.2).
    #[track_caller]
    pub fn name(self, name: &'static str) -> Self {
        assert!(crate::challenge::is_token(name), "{name:?} is no name of a cookie");
        self.with(|shape| shape.name = name)
    }

    /// Lets the browser send the cookie only with requests that come from the site itself. Who follows a link from elsewhere is
    /// then signed out on the first page.
    pub fn same_site_strict(self) -> Self {
        self.with(|shape| shape.same_site = "Strict")
    }

    /// Lets the browser send the cookie with requests that other sites make (`SameSite=None`).
    ///
    /// # Security
    ///
    /// Browsers take `SameSite=None` only with `Secure`, so not beside [`over_plain_http_at`](Self::over_plain_http_at).
    /// Any page can then make requests in the user's name: a check such as tower-http's `csrf` must stand in front of
    /// every route that changes something.
    pub fn sent_with_requests_of_other_sites(self) -> Self {
        self.with(|shape| shape.same_site = "None")
    }

    /// Lets scripts read the cookie.
    ///
    /// # Security
    ///
    /// A script that somebody smuggles into a page can then carry the session away.
    pub fn readable_by_scripts(self) -> Self {
        self.with(|shape| shape.http_only = "")
    }

    /// Lets the browser send the cookie to all subdomains of a domain; its name begins with `__Secure-` then.
    ///
    /// # Security
    ///
    /// Each of these subdomains sees the session, and can plant one.
    ///
    /// # Panics
    ///
    /// A domain that is none.
    #[track_caller]
    pub fn shared_with_subdomains_of(self, domain: &'static str) -> Self {
        let is_domain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        assert!(!domain.is_empty() && domain.bytes().all(is_domain), "{domain:?} is no domain");
        self.with(|shape| shape.domain = Some(domain))
    }

    /// Drops `Secure` and the prefix of the name, so that the session also works over `http://`, for development. It takes the
    /// address that the server listens on.
    ///
    /// # Errors
    ///
    /// The address can be reached from other machines.
    ///
    /// ```
    /// use tower_authn::scheme::SessionCookie;
    ///
    /// assert!(SessionCookie::new("web").over_plain_http_at("127.0.0.1:3000".parse()?).is_ok());
    /// assert!(SessionCookie::new("web").over_plain_http_at("0.0.0.0:3000".parse()?).is_err());
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn over_plain_http_at(self, listening: SocketAddr) -> Result<Self, NotLoopback> {
        if listening.ip().to_canonical().is_loopback() {
            Ok(self.with(|shape| shape.secure = Secure::No))
        } else {
            Err(NotLoopback(listening))
        }
    }

    /// Returns the header that hands out a token, which the browser forgets when it is closed.
    ///
    /// # Errors
    ///
    /// A token that is no value of a cookie (RFC 6265bis §4.1.1), or is empty or longer than 4,096 bytes.
    pub fn set(&self, token: &str) -> Result<SetCookie, CookieValueError> {
        self.rendered.set(token, "")
    }

    /// Returns the header that hands out a token, which the browser keeps for so long, also when it is closed: `Max-Age`, in seconds,
    /// rounded up, and 400 days at most, as browsers have it (RFC 6265bis §5.5). `Sessions::stay_signed_in` does it for sessions.
    ///
    /// The token is not to count for longer than that: it is for its validator to see to it, whatever the browser keeps.
    ///
    /// # Security
    ///
    /// Whoever uses the same browser next is signed in.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_authn::scheme::SessionCookie;
    ///
    /// let header = SessionCookie::new("web").set_for(Duration::from_secs(3600), "x")?.into_header_value();
    /// assert_eq!(header, "__Host-session=x; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600");
    /// # Ok::<(), tower_authn::scheme::CookieValueError>(())
    /// ```
    pub fn set_for(&self, max_age: Duration, token: &str) -> Result<SetCookie, CookieValueError> {
        let seconds = max_age.as_secs().saturating_add(u64::from(max_age.subsec_nanos() > 0)).min(LONGEST);
        self.rendered.set(token, &format!("; Max-Age={seconds}"))
    }

    /// Returns the header that expires the cookie.
    pub fn remove(&self) -> SetCookie {
        SetCookie(self.rendered.removal.clone())
    }

    fn with(mut self, change: impl FnOnce(&mut Shape)) -> Self {
        change(&mut self.shape);
        self.rendered = Arc::new(self.shape.rendered());
        self
    }
}

impl Scheme for SessionCookie {
    type Credentials = SessionToken;

    fn name(&self) -> &'static str {
        "Session"
    }

    fn extract(&self, head: &mut Parts, _: &Asked) -> Result<Option<SessionToken>, Rejection> {
        let Some(value) = read::cookie(head, &self.rendered.name) else { return Ok(None) };
        if value.len() > MAX_LEN {
            return Err(self.rendered.ended(Reason::TooLong));
        }
        if !is_value(value.as_bytes()) {
            return Err(self.rendered.ended(Reason::Malformed));
        }
        Ok(Some(SessionToken { text: value.into(), cookie: Arc::clone(&self.rendered) }))
    }

    fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
        self.challenge.clone()
    }

    fn realm(&self) -> Option<&str> {
        Some(self.realm.as_str())
    }

    fn inspect(&self, inspection: &mut Inspection) {
        let realm = || self.realm.as_str().to_owned();
        if self.shape.secure == Secure::No {
            inspection.warn(ConfigurationWarning::SessionWithoutSecure { realm: realm() });
        }
        if self.shape.same_site == "None" {
            inspection.warn(ConfigurationWarning::SessionSentByOtherSites { realm: realm() });
        }
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionCookie({}{})", self.rendered.name, self.rendered.attributes)
    }
}

fn is_value(bytes: &[u8]) -> bool {
    (1..=MAX_LEN).contains(&bytes.len()) && read::are_all(bytes, is_octet)
}

/// What a cookie may hold (RFC 6265bis §4.1.1, `cookie-octet`).
#[allow(clippy::needless_bitwise_bool)] // no branches: see `are_all`
const fn is_octet(byte: u8) -> bool {
    let is_visible = byte.wrapping_sub(b'!') <= b'~' - b'!';
    is_visible & (byte != b'"') & (byte != b',') & (byte != b';') & (byte != b'\\')
}

// ===== how the cookie is written =====

#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    domain: Option<&'static str>,
    same_site: &'static str,
    http_only: &'static str,
    secure: Secure,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secure {
    Yes,
    No,
}

impl Default for Shape {
    fn default() -> Self {
        Self { name: "session", domain: None, same_site: "Lax", http_only: "; HttpOnly", secure: Secure::Yes }
    }
}

impl Shape {
    fn rendered(&self) -> Rendered {
        let prefix = match (self.secure, self.domain) {
            (Secure::No, _) => "",
            (Secure::Yes, None) => "__Host-",
            (Secure::Yes, Some(_)) => "__Secure-",
        };
        let name = format!("{prefix}{}", self.name);
        let domain = self.domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
        let secure = if self.secure == Secure::Yes { "; Secure" } else { "" };
        let attributes = format!("; Path=/{domain}{secure}{}; SameSite={}", self.http_only, self.same_site);
        // All parts were checked when they were set, so that this is a header.
        let removal = HeaderValue::try_from(format!("{name}={attributes}; Max-Age=0"))
            .unwrap_or_else(|_| unreachable!("a name and attributes that were checked"));
        Rendered { name, attributes, removal }
    }
}

struct Rendered {
    name: String,
    attributes: String,
    removal: HeaderValue,
}

impl Rendered {
    fn set(&self, token: &str, max_age: &str) -> Result<SetCookie, CookieValueError> {
        if !is_value(token.as_bytes()) {
            return Err(CookieValueError(()));
        }
        let text = format!("{}={token}{}{max_age}", self.name, self.attributes);
        let mut value = HeaderValue::try_from(text).map_err(|_| CookieValueError(()))?;
        value.set_sensitive(true);
        Ok(SetCookie(value))
    }

    /// [`Reason::Replaced`] leaves the cookie: by now it may be the one that took this one's place.
    fn ended(&self, reason: Reason) -> Rejection {
        let rejection = Rejection::missing().with_reason(reason);
        if reason == Reason::Replaced {
            return rejection;
        }
        rejection.with_header(header::SET_COOKIE, self.removal.clone())
    }
}

// ===== impl SessionToken =====

/// A session's token as it was sent: what [`SessionCookie`] finds. `Debug` does not show it.
///
/// ```
/// use tower_authn::{Reason, RejectionKind, scheme::{SessionCookie, SessionToken}};
///
/// let token = SessionToken::new("c2Vzc2lvbg", &SessionCookie::new("web"));
/// assert_eq!(format!("{token:?} {}", token.expose()), "SessionToken(..) c2Vzc2lvbg");
/// assert_eq!(token.ended(Reason::IdleTimeout).kind(), RejectionKind::Missing);
/// ```
#[derive(Clone)]
pub struct SessionToken {
    text: Box<str>,
    cookie: Arc<Rendered>,
}

impl SessionToken {
    /// Makes a token, for tests of validators.
    pub fn new(text: impl Into<Box<str>>, cookie: &SessionCookie) -> Self {
        Self { text: text.into(), cookie: Arc::clone(&cookie.rendered) }
    }

    /// Returns the secret text.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the rejection for a session that is no more: it counts as no credentials, the client sees 401 without an error, and
    /// the cookie is expired in the same answer. Under [`optional`](crate::Authenticator::optional) the request passes as
    /// nobody's, and the cookie is expired all the same.
    ///
    /// With [`Reason::Replaced`] the cookie is left: the browser may hold the newer one already.
    pub fn ended(&self, reason: Reason) -> Rejection {
        self.cookie.ended(reason)
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

// ===== impl SetCookie =====

/// A `Set-Cookie` header. With the feature `axum`, a handler returns it beside the response: `(set_cookie, response)`.
///
/// ```
/// use tower_authn::scheme::SessionCookie;
///
/// let header = SessionCookie::new("web").remove().into_header_value();
/// assert_eq!(header, "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
/// ```
#[derive(Clone)]
#[must_use = "the browser only learns of it by a response"]
pub struct SetCookie(HeaderValue);

impl SetCookie {
    /// Returns the value of the header.
    pub fn into_header_value(self) -> HeaderValue {
        self.0
    }
}

/// Shows no token.
impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetCookie(..)")
    }
}

// ===== errors =====

/// An address that other machines can reach, where a session over plain HTTP was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLoopback(SocketAddr);

impl fmt::Display for NotLoopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a session over plain HTTP is for development on this machine, and {} can be reached from others; listen on \
             127.0.0.1, or keep the cookie Secure behind TLS",
            self.0
        )
    }
}

impl Error for NotLoopback {}

/// A token that cannot be the value of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieValueError(());

impl fmt::Display for CookieValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cookie's value is 1 to 4,096 visible ASCII characters without quotes, commas, semicolons and backslashes")
    }
}

impl Error for CookieValueError {}
