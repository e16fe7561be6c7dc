//! Apache's password files, and the kinds of hashes in them.

use super::base64::{BCRYPT, STANDARD, lenient, padded, unpadded};

/// What one line is.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Nothing,
    User(String),
    NotText,
    NoColon,
    NoUser,
    BadHash,
}

/// The lines of a file.
pub fn lines(file: &[u8], takes_unsalted: bool) -> Vec<Line> {
    let mut lines = vec![Vec::new()];
    for byte in file {
        match byte {
            b'\n' => lines.push(Vec::new()),
            byte => lines.last_mut().unwrap().push(*byte),
        }
    }
    lines.into_iter().map(|line| read(line, takes_unsalted)).collect()
}

fn read(mut line: Vec<u8>, takes_unsalted: bool) -> Line {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let is_blank = line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0x0c));
    if is_blank || line[0] == b'#' {
        return Line::Nothing;
    }
    let Ok(line) = String::from_utf8(line) else { return Line::NotText };
    let fields: Vec<&str> = line.split(':').collect();
    match fields[..] {
        [_] => Line::NoColon,
        ["", ..] => Line::NoUser,
        [user, hash, ..] if is_hash(hash, takes_unsalted) => Line::User(user.to_owned()),
        _ => Line::BadHash,
    }
}

const CRYPT: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether a text is a hash that is kept: of a known kind, in its form, and within the limits that
/// are documented.
pub fn is_hash(text: &str, takes_unsalted: bool) -> bool {
    if let Some(encoded) = text.strip_prefix("{SHA}") {
        return takes_unsalted && padded(STANDARD, encoded.as_bytes()).is_some_and(|hash| hash.len() == 20);
    }
    let fields: Vec<&str> = text.split('$').collect();
    let is_crypt =
        |text: &str, len: usize| text.len() == len && text.chars().all(|char| CRYPT.contains(char));
    let is_salt = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
    };
    match fields[..] {
        ["", "apr1", salt, hash] => is_salt(salt, 8) && is_crypt(hash, 22),
        ["", kind @ ("5" | "6"), ref rest @ ..] => {
            let len = if kind == "5" { 43 } else { 86 };
            let (salt, hash) = match *rest {
                [salt, hash] if !salt.starts_with("rounds=") => (salt, hash),
                [rounds, salt, hash] => {
                    let rounds = rounds.strip_prefix("rounds=").and_then(number);
                    if !rounds.is_some_and(|rounds| (1_000..=1_000_000).contains(&rounds)) {
                        return false;
                    }
                    (salt, hash)
                }
                _ => return false,
            };
            is_salt(salt, 16) && is_crypt(hash, len)
        }
        ["", "2a" | "2b" | "2y", cost, hash] => {
            let cost = if cost.len() == 2 { number(cost.strip_prefix('0').unwrap_or(cost)) } else { None };
            let is_encoded = |text: &[u8]| lenient(BCRYPT, text).is_some();
            cost.is_some_and(|cost| (4..=17).contains(&cost))
                && hash.len() == 53
                && is_encoded(&hash.as_bytes()[..22])
                && is_encoded(&hash.as_bytes()[22..])
        }
        ["", "argon2id" | "argon2i" | "argon2d", "v=19" | "v=16", settings, salt, hash]
        | ["", "argon2id" | "argon2i" | "argon2d", settings, salt, hash] => {
            let Some([memory, passes, lanes]) = numbers(settings, ["m=", "t=", "p="]) else { return false };
            (1..=16).contains(&lanes)
                && passes >= 1
                && (8 * lanes..=256 * 1024).contains(&memory)
                && memory * passes <= 1024 * 1024
                && are_long_enough(salt, hash)
        }
        ["", "scrypt", settings, salt, hash] => {
            let Some([log_n, r, p]) = numbers(settings, ["ln=", "r=", "p="]) else { return false };
            let kib = 2_u64.checked_pow(log_n.min(40) as u32).unwrap().saturating_mul(r) / 8;
            log_n <= 255
                && r * p <= 8 * 1024
                && kib <= 256 * 1024
                && kib * p <= 1024 * 1024
                && are_long_enough(salt, hash)
        }
        ["", "pbkdf2-sha256" | "pbkdf2-sha512", settings, salt, hash] => {
            let (rounds, length) = match (numbers(settings, ["i="]), numbers(settings, ["i=", "l="])) {
                (Some([rounds]), _) => (rounds, None),
                (None, Some([rounds, length])) => (rounds, Some(length)),
                (None, None) => return false,
            };
            let len = unpadded(STANDARD, hash.as_bytes()).map_or(0, |hash| hash.len() as u64);
            (1_000..=10_000_000).contains(&rounds)
                && length.is_none_or(|length| length == len)
                && are_long_enough(salt, hash)
        }
        _ => false,
    }
}

/// Salt and hash of a PHC string: 8 and 16 bytes at least, 128 characters at most.
fn are_long_enough(salt: &str, hash: &str) -> bool {
    let is = |text: &str, least: usize| {
        text.len() <= 128 && unpadded(STANDARD, text.as_bytes()).is_some_and(|bytes| bytes.len() >= least)
    };
    is(salt, 8) && is(hash, 16)
}

/// `name=value,…`, exactly these names in this order.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Option<[u64; N]> {
    let items: Vec<&str> = text.split(',').collect();
    let mut values = [0; N];
    for (at, name) in names.into_iter().enumerate() {
        values[at] = number(items.get(at)?.strip_prefix(name)?)?;
    }
    (items.len() == N).then_some(values)
}

/// Digits without a leading zero, of 32 bits.
fn number(text: &str) -> Option<u64> {
    let value = text.parse::<u32>().ok()?;
    (value.to_string() == text && value > 0).then_some(value.into())
}
