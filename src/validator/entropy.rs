//! Whether a token could be random enough not to be guessed.

use std::{error::Error, fmt};

/// The bits of randomness below which a token is refused.
const ENOUGH: u32 = 128;

/// A token that can hold less than 128 bit of randomness, by its length and the kinds of characters in it.
///
/// ```
/// let error = tower_authn::Tokens::new().insert("hunter2", ()).unwrap_err();
/// assert!(error.to_string().contains("of at least 128"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeakToken {
    bits: u32,
}

impl WeakToken {
    /// Returns how many bits the token can hold at most.
    pub fn bits(self) -> u32 {
        self.bits
    }
}

impl fmt::Display for WeakToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the token holds at most {} bits of randomness, of at least {ENOUGH}; make one from 16 random bytes or more, \
             or allow it by `insert_weak`",
            self.bits
        )
    }
}

impl Error for WeakToken {}

/// # Errors
///
/// The token cannot hold enough.
pub(super) fn check(token: &str) -> Result<(), WeakToken> {
    let bits = plausible_bits(token);
    if bits < ENOUGH { Err(WeakToken { bits }) } else { Ok(()) }
}

/// What the token could hold if each character were drawn from the kinds of characters that occur in it.
fn plausible_bits(token: &str) -> u32 {
    let mut seen = [false; 256];
    token.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    let size = |occurs: bool, size: u32| if occurs { size } else { 0 };
    let digits = token.bytes().any(|byte| byte.is_ascii_digit());
    let lower = token.bytes().any(|byte| byte.is_ascii_lowercase());
    let upper = token.bytes().any(|byte| byte.is_ascii_uppercase());
    let other = token.bytes().any(|byte| !byte.is_ascii_alphanumeric());

    let hexadecimal = lower != upper && token.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    // Of other characters, few tokens have more than `-` and `_`.
    let alphabet =
        if hexadecimal { 16 } else { size(digits, 10) + size(lower, 26) + size(upper, 26) + size(other, 2) };
    // A random token of this length has many different characters; a repeated pattern has not.
    let different = u32::try_from(seen.iter().filter(|seen| **seen).count()).unwrap_or(u32::MAX);
    let length = token.bytes().filter(|byte| !(hexadecimal && *byte == b'-')).count();
    if different < 6 || alphabet < 2 {
        return different;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let bits = (length as f64 * f64::from(alphabet).log2()).floor() as u32;
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_enough(token: &str) {
        assert_eq!(check(token), Ok(()), "{token}");
    }

    #[track_caller]
    fn is_weak(token: &str) {
        assert!(check(token).is_err(), "{token}: {}", plausible_bits(token));
    }

    #[test]
    fn sixteen_random_bytes_are_enough_in_every_usual_alphabet() {
        is_enough("9f86d081884c7d659a2feaa0c55ad015"); // hex
        is_enough("9F86D081884C7D659A2FEAA0C55AD015");
        is_enough("2f1acc6c-3a60-4b88-aa6e-7b4ea8f0ddc1"); // UUID
        is_enough("n4bQgYhMfWWaL-qgxVrQFQ"); // base64url
        is_enough("n4bQgYhMfWWaL+qgxVrQFQ==");
        is_enough("298349812398471029348712093487120934871"); // 39 digits
        is_enough("sk_live_4eC39HqLyjWDarjtT1zdp7dc");
    }

    #[test]
    fn short_or_monotonous_tokens_are_weak() {
        is_weak("");
        is_weak("hunter2");
        is_weak("correct-horse-battery");
        is_weak("9f86d081884c7d659a2feaa0c55ad01");
        is_weak(&"a".repeat(200));
        is_weak(&"abc".repeat(100));
        is_weak("1234567890123456789012345678901234567");
        is_weak("00000000-0000-0000-0000-000000000001");
    }
}
