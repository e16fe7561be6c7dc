//! Reading what a request carries.

use http::{HeaderName, HeaderValue, header, request::Parts};

use crate::{Reason, Rejection};

/// Returns the value of a header that may occur once, and marks it as sensitive.
///
/// # Errors
///
/// The header occurs more than once: 400, since no side may choose which one counts.
///
/// ```
/// use http::{HeaderName, Request};
/// use tower_authn::scheme::header;
///
/// let (mut head, ()) = Request::get("/").header("ticket", "42").body(())?.into_parts();
/// let value = header(&mut head, &HeaderName::from_static("ticket")).expect("once").expect("there");
/// assert!(value == "42" && value.is_sensitive());
/// # Ok::<(), http::Error>(())
/// ```
pub fn header<'a>(head: &'a mut Parts, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Rejection> {
    let mut values = head.headers.get_all(name).iter();
    if values.next().is_none() {
        return Ok(None);
    }
    if values.next().is_some() {
        mark_sensitive(head, name);
        return Err(Rejection::malformed().with_reason(Reason::Repeated));
    }
    let value = head.headers.get_mut(name);
    Ok(value.map(|value| {
        value.set_sensitive(true);
        &*value
    }))
}

/// Returns the value of a cookie, and marks all cookies as sensitive. Names compare exactly.
///
/// A cookie that occurs twice is none, be it in one `Cookie` line or in several: somebody may have planted the other.
///
/// ```
/// use http::Request;
/// use tower_authn::scheme::cookie;
///
/// let (mut head, ()) = Request::get("/").header("cookie", "a=1; b=2; a=3").body(())?.into_parts();
/// assert_eq!(cookie(&mut head, "b"), Some("2"));
/// assert_eq!(cookie(&mut head, "a"), None);
/// # Ok::<(), http::Error>(())
/// ```
pub fn cookie<'a>(head: &'a mut Parts, name: &str) -> Option<&'a str> {
    if !mark_sensitive(head, &header::COOKIE) {
        return None;
    }
    let mut found = None;
    for line in head.headers.get_all(header::COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let Some(split) = pair.iter().position(|byte| *byte == b'=') else { continue };
            if pair[..split].trim_ascii() != name.as_bytes() {
                continue;
            }
            if found.is_some() {
                return None;
            }
            found = Some(std::str::from_utf8(pair[split + 1..].trim_ascii()).ok()?);
        }
    }
    found
}

/// Marks all values of a header; `false` if there is none. Looks before it asks for an entry, which may allocate.
fn mark_sensitive(head: &mut Parts, name: &HeaderName) -> bool {
    if !head.headers.contains_key(name) {
        return false;
    }
    if let http::header::Entry::Occupied(entry) = head.headers.entry(name) {
        entry.into_iter().for_each(|value| value.set_sensitive(true));
    }
    true
}
