//! The pages of the session example, and how its forms are read.
#![allow(unreachable_pub)]

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// Returns a field of a form or a query.
pub fn field(form: &str, name: &str) -> String {
    let mut fields = form_urlencoded::parse(form.as_bytes());
    fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The form, filled in as it was sent, but for the password.
pub fn sign_in(message: &str, user: &str, next: &str, stay: &str) -> Response {
    let (user, next) = (escaped(user), escaped(next));
    let ticked = if stay.is_empty() { "" } else { " checked" };
    let (at_user, at_password) = if user.is_empty() { (" autofocus", "") } else { ("", " autofocus") };
    let form = format!(
        r#"<h1>Sign in</h1><p role="alert">{message}</p>
<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<p><label>User<br><input name="user" value="{user}" autocomplete="username" required{at_user}></label></p>
<p><label>Password<br><input name="password" type="password" autocomplete="current-password" required{at_password}></label></p>
<p><label><input type="checkbox" name="stay" value="yes"{ticked}> Stay signed in</label><br>
<small>Not on a computer that others use.</small></p>
<button>Sign in</button>
</form>"#
    );
    page(&form, "")
}

/// `no-store` is not enough for the back button: browsers keep whole pages, and show them again without asking. This one
/// is kept empty, and asks.
pub fn me(name: &str) -> Response {
    let name = escaped(name);
    let body = format!(
        r#"<h1>You are {name}</h1>
<form method="post" action="/logout"><button>Sign out</button></form>
<form method="post" action="/logout-everywhere"><button>Sign out everywhere</button></form>"#
    );
    page(&body, EMPTY_WHEN_LEFT)
}

const EMPTY_WHEN_LEFT: &str = r#"
addEventListener("pagehide", () => document.body.replaceChildren());
addEventListener("pageshow", event => event.persisted && location.reload());
"#;

const STYLE: &str = "body{font:1.1rem/1.5 system-ui;max-width:28rem;margin:10vh auto;padding:0 1rem}\
                     input,button{font:inherit;padding:.3rem .6rem}form{margin:.6rem 0}[role=alert]{color:#a40000}";

/// No other site frames the page or learns of it, and it loads nothing but its own style and script.
fn page(body: &str, script: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
        hash(STYLE),
        hash(script)
    );
    let headers = [
        (CONTENT_SECURITY_POLICY, policy.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer`, browsers send the form with `Origin: null`, as another site's would be.
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ];
    let script = if script.is_empty() { String::new() } else { format!("<script>{script}</script>\n") };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>A small site</title>\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <style>{STYLE}</style>\n{body}\n{script}</html>\n"
    );
    (headers, Html(html)).into_response()
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
