use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::{Answer, QUOTE, Respond, bodies::Bodies, sentence, with_body};
use crate::RejectionKind;

/// Draws a small page that tells a person what to do. It is the same for everybody, but for the id of a layer that
/// [correlates](crate::AuthenticateLayer::correlate): nothing of the request is in it, and its content security policy allows its own style and nothing else.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Scheme, Users, respond, scheme::Basic};
///
/// let layer = AuthenticateLayer::new(Basic::new("files").validated_by(Users::<String>::new()))
///     .respond_with(respond::Html);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Html;

#[diagnostic::do_not_recommend]
impl<B: From<Bytes>> Respond<B> for Html {
    fn respond(&self, answer: &Answer<'_>) -> Response<B> {
        let mut response = with_body(
            answer,
            const { HeaderValue::from_static("text/html; charset=utf-8") },
            PAGES.with_id(answer, "</main>", quote),
        );
        let headers = response.headers_mut();
        if headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, const { HeaderValue::from_static("nosniff") });
            headers.insert(header::REFERRER_POLICY, const { HeaderValue::from_static("no-referrer") });
        }
        response
    }
}

/// The id needs no escaping: letters, digits, `.`, `_` and `-`.
fn quote(id: &str) -> String {
    format!("<p class=\"status\">{QUOTE} <code>{id}</code></p>\n")
}

static PAGES: LazyLock<Bodies> = LazyLock::new(|| Bodies::rendered(page));

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d232b;--soft:#59636f;--paper:#f6f7f9;--card:#fff;--line:#d8dde3;--link:#0a58ad}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebef;--soft:#a5afba;--paper:#14181d;--card:#1d232b;--line:#353e49;--link:#7db8ff}}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);\
font:1.0625rem/1.55 system-ui,sans-serif}\
main{box-sizing:border-box;width:min(36rem,100%);padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}\
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}\
p{margin:0 0 .75rem}li{margin:.25rem 0}ul{margin:0 0 1rem;padding-left:1.25rem}\
.status{margin:0 0 .5rem;color:var(--soft);font-size:.875rem}\
a{color:var(--link)}code{overflow-wrap:anywhere}";

fn page(kind: RejectionKind, status: StatusCode) -> String {
    let (heading, steps) = words(kind);
    let steps = steps.join("</li><li>");
    let (code, phrase) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
    let text = sentence(kind);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<p class=\"status\">{code} {phrase}</p>\n<h1>{heading}</h1>\n<p>{text}</p>\n\
         <ul><li>{steps}</li></ul>\n<p><a href=\"\">Try again</a></p>\n</main>\n</body>\n</html>\n"
    )
}

/// A heading, and what a person can do.
fn words(kind: RejectionKind) -> (&'static str, &'static [&'static str]) {
    match kind {
        RejectionKind::Missing => (
            "Sign in to see this page",
            &[
                "Sign in, then open this page again.",
                "If your browser asks for a user name and password, enter the ones for this site.",
                "If you were signed in before, your session has ended: sign in again, and if that does not help, clear \
                 this site\u{2019}s cookies.",
            ],
        ),
        RejectionKind::Invalid => (
            "Your sign-in was not accepted",
            &[
                "Check the user name and the password, capital letters included.",
                "If you were signed in before, sign in again.",
                "If that does not help, clear this site\u{2019}s cookies, then try once more.",
            ],
        ),
        RejectionKind::StepUp => (
            "Sign in again to continue",
            &["This page asks for a recent sign-in, or for a stronger one, such as with a second factor."],
        ),
        RejectionKind::Malformed => (
            "Your sign-in could not be read",
            &[
                "Open the page again.",
                "If that does not help, clear this site\u{2019}s cookies and sign in again.",
            ],
        ),
        RejectionKind::Insufficient => (
            "You do not have permission",
            &[
                "You are signed in. Ask whoever runs this site for permission to see this page.",
                "If you have another account that may see it, sign in with that one.",
            ],
        ),
        RejectionKind::Forbidden => (
            "You cannot see this page from here",
            &[
                "It may only be open to certain networks.",
                "If you should have access, ask whoever runs this site.",
            ],
        ),
        RejectionKind::Throttled => (
            "Too many attempts",
            &[
                "Wait a little, then try again.",
                "If you have forgotten your password, have it reset rather than guess.",
            ],
        ),
        RejectionKind::Unavailable => (
            "Sign-in is not available right now",
            &["Nothing is wrong with your user name or password.", "Try again in a few moments."],
        ),
        RejectionKind::Misconfigured => (
            "This site is not set up correctly",
            &["You can do nothing about it. Tell whoever runs this site."],
        ),
        RejectionKind::Concealed => ("Not found", &[]), // drawn by nobody: it has no body
    }
}
