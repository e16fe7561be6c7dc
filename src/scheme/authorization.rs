//! The `Authorization` header.

use http::{header, request::Parts};

use super::{BearerToken, read};
use crate::{Reason, Rejection};

/// The longest token, in bytes, where nothing else is configured.
pub(super) const MAX_TOKEN_LEN: usize = 8 * 1024;

/// Returns the token that `Authorization` carries under a scheme, for schemes of one's own such as `Token` or `DPoP`.
/// Marks the header as sensitive.
///
/// The scheme's name compares without regard to case, and one or more spaces follow it (RFC 9110 §11.4). The token is a
/// token68 of at most 8 KiB. Another scheme's credentials count as none.
///
/// # Errors
///
/// More than one `Authorization` line, no token, or one that is no token68: 400. A token that is too long: 401.
///
/// ```
/// use http::Request;
/// use tower_authn::scheme::authorization;
///
/// let (mut head, ()) = Request::get("/").header("authorization", "token abc").body(())?.into_parts();
/// let token = authorization(&mut head, "Token").expect("well-formed").expect("there");
/// assert_eq!(token.expose(), "abc");
/// # Ok::<(), http::Error>(())
/// ```
pub fn authorization(head: &mut Parts, scheme: &str) -> Result<Option<BearerToken>, Rejection> {
    token(head, scheme, MAX_TOKEN_LEN)
}

pub(super) fn token(
    head: &mut Parts,
    scheme: &str,
    max_len: usize,
) -> Result<Option<BearerToken>, Rejection> {
    let Some(value) = value(head, scheme)? else { return Ok(None) };
    if value.len() > max_len {
        return Err(Rejection::invalid().with_reason(Reason::TooLong));
    }
    if !is_token68(value) {
        return Err(Rejection::malformed());
    }
    Ok(std::str::from_utf8(value).ok().map(BearerToken::new))
}

/// Returns what follows the scheme's name and its spaces; empty if nothing does, `None` under another scheme.
pub(super) fn value<'a>(head: &'a mut Parts, scheme: &str) -> Result<Option<&'a [u8]>, Rejection> {
    let Some(value) = read::header(head, &header::AUTHORIZATION)? else { return Ok(None) };
    let bytes = value.as_bytes();
    let Some((name, rest)) = bytes.split_at_checked(scheme.len()) else { return Ok(None) };
    // Most write it as it is registered, which is sooner seen.
    if name != scheme.as_bytes() && !name.eq_ignore_ascii_case(scheme.as_bytes()) {
        return Ok(None);
    }
    match rest.iter().position(|byte| *byte != b' ') {
        // No space after the name: a longer name, or a tab, which no grammar allows here.
        Some(0) if rest[0] == b'\t' => Err(Rejection::malformed()),
        Some(0) => Ok(None),
        Some(spaces) => Ok(Some(&rest[spaces..])),
        None => Ok(Some(&[])),
    }
}

/// `1*(ALPHA / DIGIT / "-._~+/") *"="` (RFC 6750 §2.1).
fn is_token68(value: &[u8]) -> bool {
    let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
    let token = &value[..value.len() - padding];
    !token.is_empty() && read::are_all(token, is_token_byte)
}

/// `ALPHA / DIGIT / "-._~+/"`, where `-./0123456789` lie side by side.
#[allow(clippy::needless_bitwise_bool)] // no branches: see `are_all`
const fn is_token_byte(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'-') < 13)
        | (byte == b'+')
        | (byte == b'_')
        | (byte == b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_bytes_are_those_of_the_grammar() {
        for byte in 0..=255_u8 {
            let expected = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_token68(&[byte]), expected, "{byte}");
            for length in [2, 15, 16, 17, 40] {
                for at in 0..length - 1 {
                    let mut token = vec![b'a'; length];
                    token[at] = byte;
                    assert_eq!(is_token68(&token), expected, "{byte} at {at} of {length}");
                }
            }
        }
    }
}
