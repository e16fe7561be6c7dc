//! The base64 of crypt(3): its own alphabet, low bits first, and the bytes of a digest in an order of their own.

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether a text of this length could have been written by the functions below.
pub(super) fn is(text: &str, len: usize) -> bool {
    text.len() == len && is_alphabet(text)
}

fn is_alphabet(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

pub(super) fn md5(digest: &[u8; 16]) -> Vec<u8> {
    let mut text = Vec::with_capacity(22);
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        push(&mut text, [digest[a], digest[b], digest[c]], 4);
    }
    push(&mut text, [0, 0, digest[11]], 2);
    text
}

pub(super) fn sha256(digest: &[u8; 32]) -> Vec<u8> {
    let mut text = Vec::with_capacity(43);
    let (mut a, mut b, mut c) = (0, 10, 20);
    for _ in 0..10 {
        push(&mut text, [digest[a], digest[b], digest[c]], 4);
        (a, b, c) = (c + 1, a + 1, b + 1);
    }
    push(&mut text, [0, digest[31], digest[30]], 3);
    text
}

pub(super) fn sha512(digest: &[u8; 64]) -> Vec<u8> {
    let mut text = Vec::with_capacity(86);
    let (mut a, mut b, mut c) = (0, 21, 42);
    for _ in 0..21 {
        push(&mut text, [digest[a], digest[b], digest[c]], 4);
        (a, b, c) = (b + 1, c + 1, a + 1);
    }
    push(&mut text, [0, 0, digest[63]], 2);
    text
}

fn push(text: &mut Vec<u8>, [high, middle, low]: [u8; 3], characters: usize) {
    let mut bits = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    for _ in 0..characters {
        text.push(ALPHABET[bits % 64]);
        bits /= 64;
    }
}
