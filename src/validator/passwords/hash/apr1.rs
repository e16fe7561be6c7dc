//! Apache's variant of the MD5 crypt of FreeBSD.

use md5::{Digest as _, Md5};

/// Hashes with a salt of at most eight bytes.
pub(super) fn apr1(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new().chain(&[password, salt, password]).finalize().into();

    let mut outer = Md5::new().chain(&[password, b"$apr1$", salt]);
    for start in (0..password.len()).step_by(16) {
        outer.update(&inner[..(password.len() - start).min(16)]);
    }
    let mut length = password.len();
    while length > 0 {
        let first = password.first().copied().unwrap_or_default();
        outer.update([if length & 1 == 1 { 0 } else { first }]);
        length >>= 1;
    }

    let mut digest: [u8; 16] = outer.finalize().into();
    for round in 0..1000 {
        let odd = round % 2 == 1;
        let mut next = Md5::new().chain(&[if odd { password } else { &digest }]);
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &digest } else { password });
        digest = next.finalize().into();
    }
    digest
}

trait Chain {
    fn chain(self, parts: &[&[u8]]) -> Self;
}

impl Chain for Md5 {
    fn chain(mut self, parts: &[&[u8]]) -> Self {
        for part in parts {
            self.update(part);
        }
        self
    }
}
