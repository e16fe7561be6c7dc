//! Base64 (RFC 4648 §4 and §5), strict: bit by bit.

pub const STANDARD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub const URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Of `crypt`'s relatives, bcrypt has its own order.
pub const BCRYPT: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Without padding. `None`: another character, a length that no bytes have, or bits that stand for
/// nothing.
pub fn unpadded(alphabet: &str, text: &[u8]) -> Option<Vec<u8>> {
    let bits = bits(alphabet, text)?;
    let spare = bits.len() % 8;
    let is_canonical = spare < 6 && bits[bits.len() - spare..].iter().all(|bit| !bit);
    is_canonical.then(|| bytes(&bits))
}

/// Without padding; bits that stand for nothing may have any value.
pub fn lenient(alphabet: &str, text: &[u8]) -> Option<Vec<u8>> {
    let bits = bits(alphabet, text)?;
    (bits.len() % 8 < 6).then(|| bytes(&bits))
}

/// With the padding that makes the length a multiple of four.
pub fn padded(alphabet: &str, text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    unpadded(alphabet, &text[..text.len() - padding])
}

pub fn encode(alphabet: &str, bytes: &[u8]) -> String {
    let mut bits: Vec<bool> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)).collect();
    while !bits.len().is_multiple_of(6) {
        bits.push(false);
    }
    let value = |six: &[bool]| six.iter().fold(0, |value, bit| value * 2 + usize::from(*bit));
    bits.chunks(6).map(|six| char::from(alphabet.as_bytes()[value(six)])).collect()
}

fn bits(alphabet: &str, text: &[u8]) -> Option<Vec<bool>> {
    let mut bits = Vec::new();
    for byte in text {
        let value = alphabet.bytes().position(|one| one == *byte)?;
        bits.extend((0..6).rev().map(|at| value >> at & 1 == 1));
    }
    Some(bits)
}

fn bytes(bits: &[bool]) -> Vec<u8> {
    bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}
