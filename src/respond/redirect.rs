use std::{error::Error, fmt, str::FromStr};

use http::{HeaderValue, Method, Response, StatusCode, header};

use super::{Answer, Negotiate, Respond};
use crate::{Asked, RejectionKind};

/// Leads a person who has to sign in to the page where that is done, and everybody else to a 401.
///
/// Only where a browser opens a page ([`Asked::is_navigation`]) and there are no credentials, or a newer sign-in is asked for: 302 for `GET`
/// and `HEAD`, else 303. A script gets the 401 with its challenges, as another responder draws it, and so does whoever asks for the sign-in
/// page itself, so that nobody is led in circles.
///
/// The page has to show its form to whoever is signed in, too, and not lead back by itself: where a newer sign-in is asked for, that would
/// be a circle.
///
/// The page gets, as `next`, the path that was asked for; read it with [`ReturnTo`], which lets nothing through that leads elsewhere. It is
/// left out for other methods than `GET` and `HEAD`, since a form cannot be sent again, and if it is longer than 2,048 bytes.
///
/// Inside axum's `nest` the path lacks its prefix, unless the layer is told where to find it: see
/// [`target_from`](crate::AuthenticateLayer::target_from).
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, respond::{ProblemJson, Redirect}, scheme::{SessionCookie, SessionToken}};
///
/// # async fn find(token: SessionToken) -> Result<Option<u32>, tower_authn::Rejection> { Ok(None) }
/// let web = SessionCookie::new("web").validated_by(find);
/// let layer = AuthenticateLayer::new(web).respond_with(Redirect::to("/login").or(ProblemJson));
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Redirect<R = Negotiate> {
    sign_in: &'static str,
    otherwise: R,
}

/// In bytes.
const LONGEST_TARGET: usize = 2048;

impl Redirect {
    /// Leads to a path of the same site; it may have a query and a fragment.
    ///
    /// # Panics
    ///
    /// Something that is no path, such as a URL of another site.
    #[track_caller]
    pub fn to(sign_in: &'static str) -> Self {
        assert!(sign_in.parse::<ReturnTo>().is_ok(), "{sign_in:?} is no path of this site");
        Self { sign_in, otherwise: Negotiate }
    }

    /// Sets what draws all other answers, and the body of the redirect.
    pub fn or<R>(self, otherwise: R) -> Redirect<R> {
        Redirect { sign_in: self.sign_in, otherwise }
    }
}

impl<R> Redirect<R> {
    fn location(&self, answer: &Answer<'_>) -> Option<HeaderValue> {
        let asked = answer.asked();
        let is_for_people = answer.status() == StatusCode::UNAUTHORIZED
            && matches!(answer.kind(), RejectionKind::Missing | RejectionKind::StepUp)
            && asked.is_navigation();
        let fragment = self.sign_in.find('#').unwrap_or(self.sign_in.len());
        let (sign_in, fragment) = self.sign_in.split_at(fragment);
        let path = sign_in.split('?').next().unwrap_or_default();
        if !is_for_people || is_same_page(path, asked.target().path()) {
            return None;
        }
        let mut location = sign_in.to_owned();
        if let Some(target) = resumable(asked) {
            location.push(if location.contains('?') { '&' } else { '?' });
            location.push_str("next=");
            percent_encode(&mut location, &target);
        }
        location.push_str(fragment);
        HeaderValue::try_from(location).ok()
    }
}

/// Whether it is the page to sign in, be it without a prefix that a router took away, or with a slash that one added: a redirect
/// would come back here.
fn is_same_page(sign_in: &str, path: &str) -> bool {
    let (sign_in, path) = (sign_in.trim_end_matches('/'), path.trim_end_matches('/'));
    sign_in.ends_with(path) && !path.is_empty() || sign_in == path
}

/// What can be opened again after the sign-in.
fn resumable(asked: &Asked) -> Option<String> {
    let target = asked.target().path_and_query()?.as_str();
    let is_safe = matches!(*asked.method(), Method::GET | Method::HEAD);
    let target: Option<ReturnTo> = is_safe.then(|| target.parse().ok()).flatten();
    target.map(|target| target.0)
}

fn percent_encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[diagnostic::do_not_recommend]
impl<R: Respond<B>, B> Respond<B> for Redirect<R> {
    fn respond(&self, answer: &Answer<'_>) -> Response<B> {
        let mut response = self.otherwise.respond(answer);
        if let Some(location) = self.location(answer) {
            *response.status_mut() = match *answer.asked().method() {
                Method::GET | Method::HEAD => StatusCode::FOUND,
                _ => StatusCode::SEE_OTHER,
            };
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

// ===== impl ReturnTo =====

/// A path of the same site, with its query: where to go after a sign-in.
///
/// Whatever a browser could take for another site is refused: `//host`, `/\host`, a scheme, control
/// characters and what else has to be percent-encoded. So is what is longer than 2,048 bytes, which
/// no [`Redirect`] asks to return to. The page that it names may still ask for credentials, or not
/// be there.
///
/// ```
/// use tower_authn::respond::ReturnTo;
///
/// let next: ReturnTo = "/orders?page=2".parse()?;
/// assert_eq!(next.as_str(), "/orders?page=2");
/// assert!("//evil.example".parse::<ReturnTo>().is_err() && "https://evil.example".parse::<ReturnTo>().is_err());
/// # Ok::<(), tower_authn::respond::NotAPath>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Returns the path, for a `Location` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReturnTo {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() <= LONGEST_TARGET;
        // Browsers read a backslash as a slash, and leave out tabs and line breaks.
        if is_path && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAPath(()))
        }
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is no path of the same site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPath(());

impl fmt::Display for NotAPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "it is no path of this site: it must begin with one slash, hold visible ASCII without backslashes, and be \
             no longer than 2,048 bytes",
        )
    }
}

impl Error for NotAPath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn leads_elsewhere(text: &str) {
        assert_eq!(text.parse::<ReturnTo>(), Err(NotAPath(())), "{text:?}");
    }

    #[test]
    fn only_a_path_of_the_same_site_is_returned_to() {
        for path in
            ["/", "/me", "/a//b?c=//d", "/a?b=https://c", "/..//a", "/a#b", "/%2F%2Fa", "/@evil.example"]
        {
            assert_eq!(path.parse::<ReturnTo>().unwrap().as_str(), path);
        }
        for text in
            ["", "me", "//a", "///a", "/\\a", "\\\\a", "/a\\b", "https://a", "javascript:1", "/\t/a", "/\n/a"]
        {
            leads_elsewhere(text);
        }
        for text in
            [" /a", "/a b", "/\u{e9}", "/\u{ff0f}evil", "/\0", "\u{feff}/a", "?a", "#a", ".", "http:/a"]
        {
            leads_elsewhere(text);
        }
    }

    #[test]
    fn a_path_longer_than_a_redirect_asks_to_return_to_is_refused() {
        let path = |len: usize| format!("/{}", "a".repeat(len - 1));
        assert_eq!(path(2048).parse::<ReturnTo>().unwrap().as_str(), path(2048));
        leads_elsewhere(&path(2049));
        leads_elsewhere(&path(1_000_000));
    }

    #[test]
    fn the_page_to_sign_in_is_known_with_and_without_its_prefix() {
        assert!(
            is_same_page("/login", "/login")
                && is_same_page("/app/login", "/login")
                && is_same_page("/", "/")
        );
        assert!(
            !is_same_page("/login", "/me")
                && !is_same_page("/app/login", "/")
                && !is_same_page("/login", "/login/x")
        );
    }
}
