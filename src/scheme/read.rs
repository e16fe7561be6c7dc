//! Reading what a request carries.

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

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
    if is_repeated(&head.headers, name) {
        mark_sensitive(head, name);
        return Err(Rejection::malformed().with_reason(Reason::Repeated));
    }
    let Some(value) = head.headers.get_mut(name) else { return Ok(None) };
    value.set_sensitive(true);
    Ok(Some(value))
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
    if is_repeated(&head.headers, &header::COOKIE) {
        mark_sensitive(head, &header::COOKIE);
        return the_one(head.headers.get_all(header::COOKIE), name);
    }
    let line = head.headers.get_mut(header::COOKIE)?;
    line.set_sensitive(true);
    the_one([&*line], name)
}

/// The value of the cookie of a name, if there is exactly one.
fn the_one<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>, name: &str) -> Option<&'a str> {
    let mut found = None;
    for line in lines {
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            if let Some(value) = value_of(&rest[..end], name.as_bytes()) {
                if found.is_some() {
                    return None;
                }
                found = Some(std::str::from_utf8(value).ok()?);
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    found
}

/// The value of a `name=value` pair, if it has this name.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = pair.trim_ascii_start().strip_prefix(name)?.trim_ascii_start().strip_prefix(b"=")?;
    Some(value.trim_ascii())
}

/// Whether all bytes are of a kind. Where nothing branches on a byte the compiler looks at sixteen together; so are the
/// last sixteen, though some of them again, since a few bytes one by one would cost more.
pub(super) fn are_all(bytes: &[u8], is: impl Fn(u8) -> bool) -> bool {
    let all = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & is(*byte));
    match bytes.last_chunk::<16>() {
        Some(last) => all(bytes.as_chunks::<16>().0.as_flattened()) && all(last),
        None => all(bytes),
    }
}

/// Whether a header has several lines. Mostly no header has, and then there is no need to look this one up.
fn is_repeated(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.len() > headers.keys_len() && headers.get_all(name).iter().nth(1).is_some()
}

/// Marks all values of a header that is there.
fn mark_sensitive(head: &mut Parts, name: &HeaderName) {
    if let http::header::Entry::Occupied(entry) = head.headers.entry(name) {
        entry.into_iter().for_each(|value| value.set_sensitive(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_wherever_the_one_before_it_ends() {
        // Neighbours of the semicolon, and bytes that differ from it by the highest bit, or in all.
        for other in [b':', b'<', b';' ^ 0x80, 0xff, b'\t'] {
            for length in 0..40 {
                let line =
                    |end: &[u8]| HeaderValue::from_bytes(&[&vec![other; length], end].concat()).unwrap();
                assert_eq!(the_one([&line(b"")], "id"), None, "{other} {length}");
                assert_eq!(the_one([&line(b";id=a")], "id"), Some("a"), "{other} {length}");
                assert_eq!(the_one([&line(b";id=a;x=b")], "id"), Some("a"), "{other} {length}");
                assert_eq!(the_one([&line(b";id=a;id=b")], "id"), None, "{other} {length}");
            }
        }
    }
}
