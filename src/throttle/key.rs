use std::{fmt, net::IpAddr};

use sha2::{Digest as _, Sha256};

/// What failures are counted by: an address, or an address with a user. It is a digest, and shows
/// neither.
///
/// ```
/// use tower_authn::throttle::FailureKey;
///
/// let neighbours = ["2001:db8::1", "2001:db8::2"].map(|address| FailureKey::of_address(address.parse().unwrap()));
/// assert_eq!(neighbours[0], neighbours[1]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailureKey([u8; 16]);

impl FailureKey {
    /// Makes the key of an address: the whole of an IPv4 address, and the first 64 bits of an IPv6
    /// address. An IPv4-mapped address (`::ffff:203.0.113.7`, RFC 4291 §2.5.5.2) has the key of the
    /// IPv4 address in it.
    pub fn of_address(address: IpAddr) -> Self {
        Self::of(b'a', address, "")
    }

    /// Makes the key of an address with a user.
    pub fn of_user(address: IpAddr, user: &str) -> Self {
        Self::of(b'u', address, user)
    }

    /// Returns the digest, the same in every process.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn of(kind: u8, address: IpAddr, user: &str) -> Self {
        let digest = Sha256::new().chain_update([kind]);
        // The kind of address comes first, so that an IPv4 address with a user is never an IPv6 address.
        let digest = match address.to_canonical() {
            IpAddr::V4(address) => digest.chain_update([4]).chain_update(address.octets()),
            IpAddr::V6(address) => digest.chain_update([6]).chain_update(&address.octets()[..8]),
        };
        let digest: [u8; 32] = digest.chain_update(user).finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}

impl fmt::Debug for FailureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailureKey(..)")
    }
}
