//! The pages of the session example, and how its forms are read.
#![allow(unreachable_pub)]

/// Returns a field of a form or a query.
pub fn field(form: &str, name: &str) -> String {
    let mut fields = form_urlencoded::parse(form.as_bytes());
    fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The form, filled in as it was sent, but for the password.
pub fn sign_in(message: &str, user: &str, next: &str, stay: &str) -> String {
    let (user, next) = (escaped(user), escaped(next));
    let ticked = if stay.is_empty() { "" } else { " checked" };
    let (at_user, at_password) = if user.is_empty() { (" autofocus", "") } else { ("", " autofocus") };
    page(&format!(
        r#"<h1>Sign in</h1><p role="alert">{message}</p>
<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<p><label>User<br><input name="user" value="{user}" autocomplete="username" required{at_user}></label></p>
<p><label>Password<br><input name="password" type="password" autocomplete="current-password" required{at_password}></label></p>
<p><label><input type="checkbox" name="stay" value="yes"{ticked}> Stay signed in</label><br>
<small>Not on a computer that others use.</small></p>
<button>Sign in</button>
</form>"#
    ))
}

/// `no-store` is not enough for the back button: browsers keep whole pages, and show them again without asking. This one
/// is kept empty, and asks.
pub fn me(name: &str) -> String {
    let name = escaped(name);
    page(&format!(
        r#"<h1>You are {name}</h1>
<form method="post" action="/logout"><button>Sign out</button></form>
<form method="post" action="/logout-everywhere"><button>Sign out everywhere</button></form>
<script>
addEventListener("pagehide", () => document.body.replaceChildren());
addEventListener("pageshow", event => event.persisted && location.reload());
</script>"#
    ))
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>A small site</title>\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <style>body{{font:1.1rem/1.5 system-ui;max-width:28rem;margin:10vh auto;padding:0 1rem}}\
         input,button{{font:inherit;padding:.3rem .6rem}}form{{margin:.6rem 0}}\
         [role=alert]{{color:#a40000}}</style>\n{body}\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
