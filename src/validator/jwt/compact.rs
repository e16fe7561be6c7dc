//! The compact form of RFC 7515 §7.1: three parts, two dots, base64url without padding.

use super::json::JsonFlaw;
use crate::validator::base64url;
use crate::{Reason, Rejection};

/// The parts of a token, not yet decoded.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
    /// What the signature is over.
    pub(crate) signed: &'a str,
}

impl<'a> Compact<'a> {
    /// `None`: not exactly three parts; five would be an encrypted token.
    pub(crate) fn split(token: &'a str) -> Option<Self> {
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else { return None };
        Some(Self {
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
            signed: &token[..second],
        })
    }
}

/// Where a part is decoded to: on the stack if it fits.
pub(crate) struct Buffer<const N: usize> {
    stack: [u8; N],
    heap: Vec<u8>,
}

impl<const N: usize> Buffer<N> {
    pub(crate) fn new() -> Self {
        Self { stack: [0; N], heap: Vec::new() }
    }

    /// Decodes a part that must be text: JSON is UTF-8 (RFC 8259 §8.1).
    pub(crate) fn decode_text(&mut self, part: &str) -> Option<&str> {
        std::str::from_utf8(self.decode(part)?).ok()
    }

    /// Refuses other characters, padding, and bits that stand for nothing.
    pub(crate) fn decode(&mut self, part: &str) -> Option<&[u8]> {
        let length = base64url::decoded_len(part.len());
        let bytes = if length > N {
            self.heap = vec![0; length];
            &mut self.heap
        } else {
            &mut self.stack[..length]
        };
        base64url::decode(part.as_bytes(), bytes)?;
        Some(bytes)
    }
}

/// Refuses a token for a reason of its own.
pub(crate) fn refused(reason: Reason) -> Rejection {
    Rejection::invalid().with_reason(reason)
}

impl From<JsonFlaw> for Reason {
    fn from(flaw: JsonFlaw) -> Self {
        match flaw {
            JsonFlaw::Malformed => Reason::Malformed,
            JsonFlaw::Duplicate => Reason::DuplicateMember,
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn exactly_two_dots() {
        for token in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "...", "...."] {
            assert!(Compact::split(token).is_none(), "{token}");
        }
        let parts = Compact::split("ab.cd.ef").unwrap();
        assert_eq!((parts.header, parts.payload, parts.signature, parts.signed), ("ab", "cd", "ef", "ab.cd"));
    }

    #[test]
    fn base64url_is_canonical() {
        let decode = |part: &str| Buffer::<64>::new().decode(part).map(<[u8]>::to_vec);
        assert_eq!(decode("Zm9v"), Some(b"foo".to_vec()));
        assert_eq!(decode("-_-_"), Some(vec![0xfb, 0xff, 0xbf]));
        assert_eq!(decode(""), Some(vec![]));
        for part in ["Zm8=", "Zm9", "Zm8==", "Z", "+/+/", "Zm 9v", "Zm9v\n", "Zm9?", "AB", "é"] {
            assert_eq!(decode(part), None, "{part}");
        }
    }

    #[test]
    fn the_heap_serves_what_the_stack_does_not_hold() {
        for length in 0..100 {
            let part = URL_SAFE_NO_PAD.encode(vec![7; length]);
            assert_eq!(Buffer::<64>::new().decode(&part), Some(&vec![7; length][..]), "{length}");
        }
    }
}
