//! `Authorization` (RFC 9110 §11.4, RFC 6750 §2.1, RFC 7617 §2), as rules 1, 5, 6 and 8 have it.

use super::base64::{STANDARD, padded};

/// What a header says: credentials, none of this scheme, or the code of why they cannot be used.
pub type Found<T> = Result<Option<T>, &'static str>;

/// The token of a scheme such as `Bearer`.
pub fn token(lines: &[&[u8]], scheme: &str, max_len: usize) -> Found<String> {
    let Some(rest) = after(lines, scheme)? else { return Ok(None) };
    if rest.len() > max_len {
        return Err("too_long");
    }
    let text = String::from_utf8(rest.to_vec()).map_err(|_| "malformed")?;
    let body = text.trim_end_matches('=');
    let is_token68 =
        !body.is_empty() && body.chars().all(|char| char.is_ascii_alphanumeric() || "-._~+/".contains(char));
    if is_token68 { Ok(Some(text)) } else { Err("malformed") }
}

/// User and password.
pub fn basic(lines: &[&[u8]], takes_latin1: bool, max_len: usize) -> Found<(String, String)> {
    let Some(rest) = after(lines, "Basic")? else { return Ok(None) };
    if rest.len() > max_len {
        return Err("too_long");
    }
    let bytes = padded(STANDARD, rest).ok_or("malformed")?;
    if bytes.iter().any(|byte| matches!(byte, 0..=0x1f | 0x7f)) {
        return Err("malformed");
    }
    let text = match String::from_utf8(bytes.clone()) {
        Ok(text) => text,
        Err(_) if takes_latin1 => {
            bytes.iter().map(|byte| char::from_u32(u32::from(*byte)).unwrap()).collect()
        }
        Err(_) => return Err("not_text"),
    };
    let at = text.find(':').ok_or("malformed")?;
    Ok(Some((text[..at].to_owned(), text[at + 1..].to_owned())))
}

/// What follows the scheme's name and the spaces after it.
fn after<'a>(lines: &[&'a [u8]], scheme: &str) -> Found<&'a [u8]> {
    let line = match lines {
        [] => return Ok(None),
        [line] => *line,
        _ => return Err("repeated"),
    };
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    if !line[..end].eq_ignore_ascii_case(scheme.as_bytes()) {
        return Ok(None);
    }
    if line.get(end) == Some(&b'\t') {
        return Err("malformed");
    }
    let spaces = line[end..].iter().take_while(|byte| **byte == b' ').count();
    Ok(Some(&line[end + spaces..]))
}
