//! Sets of networks.

use std::{fmt, net::IpAddr, str::FromStr};

mod allowlist;
mod layer;
mod parse;
mod ranges;
mod warning;

pub use allowlist::IpAllowlist;
pub use layer::IpAllowlistLayer;
pub use parse::{NetworkMistake, NetworksError};
pub use warning::AddressWarning;

use parse::{Entry, entry};
use ranges::Ranges;

/// A set of addresses of both families. An IPv4-mapped IPv6 address counts as IPv4.
///
/// As text: an address, a network or a range for each line or between commas; what follows `#` is a comment. An empty text
/// is an empty set. A look-up takes a binary search, whatever the number of networks.
///
/// IPv4 inside IPv6 by NAT64 or 6to4 is not unwrapped: `64:ff9b::/96` and `2002::/16` are networks as any other.
///
/// ```
/// use tower_authn::validator::Networks;
///
/// let office: Networks = "
///     10.0.0.0/8           # the office
///     192.0.2.7            # the gateway
///     2001:db8::1-2001:db8::9
/// ".parse()?;
/// let office = office.difference(&"10.1.0.0/16".parse()?);
///
/// assert!(office.contains("10.2.3.4".parse()?) && office.contains("::ffff:10.2.3.4".parse()?));
/// assert!(!office.contains("10.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Networks {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Networks {
    /// Returns the empty set, which contains nobody.
    pub fn none() -> Self {
        Self::of(&[])
    }

    /// Returns this machine's own addresses: `127.0.0.0/8` (RFC 1122 §3.2.1.3) and `::1` (RFC 4291 §2.5.3).
    pub fn loopback() -> Self {
        Self::of(&["127.0.0.0/8", "::1"])
    }

    /// Returns private addresses: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16` (RFC 1918) and `fc00::/7` (RFC 4193).
    pub fn private() -> Self {
        Self::of(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])
    }

    /// Returns link-local addresses: `169.254.0.0/16` (RFC 3927) and `fe80::/10` (RFC 4291 §2.5.6).
    pub fn link_local() -> Self {
        Self::of(&["169.254.0.0/16", "fe80::/10"])
    }

    /// Returns addresses for documentation: RFC 5737, RFC 3849 and RFC 9637.
    pub fn documentation() -> Self {
        Self::of(&["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"])
    }

    /// Whether an address is among them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.contains(address.into()),
            IpAddr::V6(address) => self.v6.contains(address.into()),
        }
    }

    /// Returns what is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// Returns what is in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// Whether there is no address in it.
    pub fn is_empty(&self) -> bool {
        self.v4.len() + self.v6.len() == 0
    }

    /// Whether it contains all addresses of a family, which a list that is meant to restrict hardly should.
    pub fn is_everything(&self) -> bool {
        self.v4.is_everything(0) || self.v6.is_everything(0)
    }

    fn of(literals: &[&str]) -> Self {
        Self::new(literals.iter().filter_map(|literal| entry(literal).ok()))
    }

    fn new(entries: impl Iterator<Item = Entry>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::V4(first, last) => v4.push((first, last)),
                Entry::V6(first, last) => v6.push((first, last)),
            }
        }
        Self { v4: Ranges::new(v4), v6: Ranges::new(v6) }
    }
}

impl FromStr for Networks {
    type Err = NetworksError;

    fn from_str(text: &str) -> Result<Self, NetworksError> {
        let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            for text in line.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                match entry(text) {
                    Ok(entry) => entries.push(entry),
                    Err(problem) => {
                        mistakes.push(NetworkMistake { line: index + 1, text: text.to_owned(), problem });
                    }
                }
            }
        }
        if mistakes.is_empty() { Ok(Self::new(entries.into_iter())) } else { Err(NetworksError(mistakes)) }
    }
}

/// Shows how many ranges, and none of them.
impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Networks({} ranges)", self.v4.len() + self.v6.len())
    }
}
