//! PHC strings: `$kind$v=19$name=value,…$salt$hash`, salt and hash in base64 without padding.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{
    HashError, Params, PasswordHash,
    params::{Argon2Kind, MEMORY_KIB, PASSES},
};

pub(super) fn argon2(text: &str, kind: &str, rest: &str) -> Result<PasswordHash, HashError> {
    // Strings of before version 19 do not name one.
    let (old_version, rest) = match rest.strip_prefix("v=") {
        None => (true, rest),
        Some(rest) => match rest.split_once('$').ok_or(HashError::Malformed)? {
            ("19", rest) => (false, rest),
            ("16", rest) => (true, rest),
            _ => return Err(HashError::UnknownKind),
        },
    };
    let ([memory_kib, passes, lanes], rest) = numbers(rest, ["m=", "t=", "p="])?;
    let algorithm = match kind {
        "argon2d" => Argon2Kind::D,
        "argon2i" => Argon2Kind::I,
        _ => Argon2Kind::Id,
    };
    finish(text, Params::Argon2 { algorithm, old_version, memory_kib, passes, lanes }, rest)
}

pub(super) fn scrypt(text: &str, rest: &str) -> Result<PasswordHash, HashError> {
    let ([log_n, r, p], rest) = numbers(rest, ["ln=", "r=", "p="])?;
    let log_n = u8::try_from(log_n).map_err(|_| HashError::TooCostly)?;
    finish(text, Params::Scrypt { log_n, r, p }, rest)
}

pub(super) fn pbkdf2(text: &str, kind: &str, rest: &str) -> Result<PasswordHash, HashError> {
    // The length of the output is optional, and told by the output itself.
    let (rounds, rest, length) = match numbers(rest, ["i=", "l="]) {
        Ok(([rounds, length], rest)) => (rounds, rest, Some(length)),
        Err(_) => numbers(rest, ["i="]).map(|([rounds], rest)| (rounds, rest, None))?,
    };
    let params = match kind {
        "pbkdf2-sha512" => Params::Pbkdf2Sha512 { rounds },
        _ => Params::Pbkdf2Sha256 { rounds },
    };
    let hash = finish(text, params, rest)?;
    match length {
        Some(length) if usize::try_from(length) != Ok(hash.output.len()) => Err(HashError::Malformed),
        _ => Ok(hash),
    }
}

/// The text of a hash with today's parameters.
pub(super) fn argon2id_text(salt: &[u8], output: &[u8]) -> String {
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${output}")
}

/// Reads `name=value,…$`, exactly these names in this order.
fn numbers<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Result<([u32; N], &'a str), HashError> {
    let (list, rest) = text.split_once('$').ok_or(HashError::Malformed)?;
    let mut items = list.split(',');
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        let digits = items.next().and_then(|item| item.strip_prefix(name)).ok_or(HashError::Malformed)?;
        *value = number(digits)?;
    }
    if items.next().is_some() { Err(HashError::Malformed) } else { Ok((values, rest)) }
}

/// A decimal number without sign and leading zeros; one that is too large is too costly.
pub(super) fn number(digits: &str) -> Result<u32, HashError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.starts_with('0') {
        return Err(HashError::Malformed);
    }
    digits.parse().map_err(|_| HashError::TooCostly)
}

fn finish(text: &str, params: Params, rest: &str) -> Result<PasswordHash, HashError> {
    let (salt, output) = rest.split_once('$').ok_or(HashError::Malformed)?;
    // Before the decoding, lest an absurd one be decoded.
    if salt.len() > 128 || output.len() > 128 {
        return Err(HashError::TooCostly);
    }
    let decode = |text| STANDARD_NO_PAD.decode(text).map_err(|_| HashError::Malformed);
    let (salt, output) = (decode(salt)?, decode(output)?);
    let params = params.checked()?;
    if salt.len() < 8 || output.len() < 16 {
        return Err(HashError::TooWeak);
    }
    Ok(PasswordHash { text: text.into(), params, salt: salt.into(), output: output.into() })
}
