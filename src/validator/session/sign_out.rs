use http::{HeaderName, HeaderValue, header};

use crate::scheme::SetCookie;

/// The headers of an answer to who signs out: what [`Sessions::sign_out`](super::Sessions::sign_out) makes.
///
/// The cookie is expired, and `Clear-Site-Data: "cache", "storage"` takes what pages and scripts left in the browser. Other cookies
/// stay: browsers would take those of sister sites along. So may the page on which the user signed out: some browsers keep it whole for
/// the back button, and it is for the page to be empty then (see `examples/session/pages.rs`).
///
/// With the feature `axum`, a handler returns it beside the response: `(sign_out, Redirect::to("/"))`.
///
/// ```
/// # async fn sign_out(session: tower_authn::validator::session::Session<String>,
/// #     sessions: tower_authn::validator::session::Sessions<String>) -> Result<http::Response<String>, tower_authn::Rejection> {
/// let mut response = http::Response::new("Bye.".to_owned());
/// for (name, value) in sessions.sign_out(session.key()).await? {
///     response.headers_mut().append(name, value);
/// }
/// # Ok(response)
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "the browser only learns of it by a response"]
pub struct SignOut(SetCookie);

impl SignOut {
    pub(super) const fn new(removal: SetCookie) -> Self {
        Self(removal)
    }
}

impl IntoIterator for SignOut {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::array::IntoIter<Self::Item, 2>;

    fn into_iter(self) -> Self::IntoIter {
        let clear = HeaderValue::from_static("\"cache\", \"storage\"");
        [(header::SET_COOKIE, self.0.into_header_value()), (CLEAR_SITE_DATA, clear)].into_iter()
    }
}

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
