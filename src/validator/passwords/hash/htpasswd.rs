//! The kinds that htpasswd writes.

use base64::{
    Engine as _,
    alphabet::BCRYPT,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::NO_PAD, general_purpose::STANDARD},
};

use super::{HashError, Params, PasswordHash, crypt64, phc::number};

/// Some programs leave bits in the last character of the salt that no byte has.
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LENIENT);
const LENIENT: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);

pub(super) fn bcrypt(text: &str, rest: &str) -> Result<PasswordHash, HashError> {
    let (cost, rest) = rest.split_once('$').ok_or(HashError::Malformed)?;
    if cost.len() != 2 || rest.len() != 53 || !rest.is_ascii() {
        return Err(HashError::Malformed);
    }
    let cost = number(cost.strip_prefix('0').unwrap_or(cost))?;
    let cost = u8::try_from(cost).map_err(|_| HashError::TooCostly)?;
    let (salt, output) = rest.split_at(22);
    let decode = |text| BCRYPT64.decode(text).map_err(|_| HashError::Malformed);
    finish(text, Params::Bcrypt { cost }, decode(salt)?, decode(output)?)
}

pub(super) fn sha_crypt(text: &str, kind: &str, rest: &str) -> Result<PasswordHash, HashError> {
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        None => (5000, rest),
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(HashError::Malformed)?;
            (number(rounds)?, rest)
        }
    };
    let (salt, output) = rest.split_once('$').ok_or(HashError::Malformed)?;
    let (params, len) = match kind {
        "5" => (Params::Sha256Crypt { rounds }, 43),
        _ => (Params::Sha512Crypt { rounds }, 86),
    };
    check_crypt(salt, 16, output, len)?;
    finish(text, params, salt, output)
}

pub(super) fn apr1(text: &str, rest: &str) -> Result<PasswordHash, HashError> {
    let (salt, output) = rest.split_once('$').ok_or(HashError::Malformed)?;
    check_crypt(salt, 8, output, 22)?;
    finish(text, Params::Apr1, salt, output)
}

pub(super) fn sha1(text: &str, encoded: &str) -> Result<PasswordHash, HashError> {
    let output = STANDARD.decode(encoded).map_err(|_| HashError::Malformed)?;
    if output.len() != 20 {
        return Err(HashError::Malformed);
    }
    finish(text, Params::Sha1, "", output)
}

/// What a text could be that does not begin with a `$`.
pub(super) fn why_not(text: &str) -> HashError {
    if text.starts_with("{SHA}") {
        HashError::Unsalted
    } else if text.starts_with('{') {
        HashError::UnknownKind
    } else if crypt64::is(text, 13) {
        HashError::DesCrypt
    } else if text.is_empty() {
        HashError::Malformed
    } else {
        HashError::PlainText
    }
}

fn check_crypt(salt: &str, longest: usize, output: &str, len: usize) -> Result<(), HashError> {
    if salt.is_empty() {
        return Err(HashError::TooWeak);
    }
    let printable = salt.bytes().all(|byte| byte.is_ascii_graphic());
    if salt.len() > longest || !printable || !crypt64::is(output, len) {
        return Err(HashError::Malformed);
    }
    Ok(())
}

fn finish(
    text: &str,
    params: Params,
    salt: impl AsRef<[u8]>,
    output: impl AsRef<[u8]>,
) -> Result<PasswordHash, HashError> {
    let (params, salt, output) = (params.checked()?, salt.as_ref().into(), output.as_ref().into());
    Ok(PasswordHash { text: text.into(), params, salt, output })
}
