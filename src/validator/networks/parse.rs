//! Reading networks from text.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// First and last address of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    V4(u32, u32),
    V6(u128, u128),
}

/// All mistakes of a list of networks, with their lines.
///
/// ```
/// use tower_authn::validator::Networks;
///
/// let error = "10.0.0.0/8\n10.1.2.3/16\nhome".parse::<Networks>().unwrap_err();
/// assert_eq!(error.mistakes().len(), 2);
/// assert_eq!(error.mistakes()[0].to_string(), "line 2: 10.1.2.3/16 has bits set beyond its prefix; 10.1.0.0/16 is meant?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworksError(pub(super) Vec<NetworkMistake>);

impl NetworksError {
    /// Returns the mistakes, in the order of the text.
    pub fn mistakes(&self) -> &[NetworkMistake] {
        &self.0
    }
}

impl fmt::Display for NetworksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list of networks has mistakes")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n- {mistake}"))
    }
}

impl Error for NetworksError {}

/// One entry that is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkMistake {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    NoAddress,
    NoPrefix,
    HostBits(String),
    Families,
    Backwards,
}

impl NetworkMistake {
    /// Returns the line, counted from one.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the entry.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for NetworkMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, text, problem } = self;
        write!(f, "line {line}: ")?;
        match problem {
            Problem::NoAddress => {
                write!(f, "{text:?} is no address, network (10.0.0.0/8) or range (10.0.0.1-10.0.0.9)")
            }
            Problem::NoPrefix => write!(f, "{text:?} has a prefix length that its family does not have"),
            Problem::HostBits(meant) => {
                write!(f, "{text} has bits set beyond its prefix; {meant} is meant?")
            }
            Problem::Families => write!(f, "{text:?} goes from one address family to the other"),
            Problem::Backwards => write!(f, "{text:?} ends before it begins"),
        }
    }
}

/// An address, a network or a range. Addresses are read by the standard library, which refuses leading zeros, zones
/// and integers.
pub(super) fn entry(text: &str) -> Result<Entry, Problem> {
    let address = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| Problem::NoAddress);
    if let Some((first, last)) = text.split_once('-') {
        return match (address(first)?.to_canonical(), address(last)?.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                Ok(Entry::V4(first.into(), last.into()))
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                Ok(Entry::V6(first.into(), last.into()))
            }
            (first, last) if first.is_ipv4() != last.is_ipv4() => Err(Problem::Families),
            _ => Err(Problem::Backwards),
        };
    }
    let Some((network, length)) = text.split_once('/') else {
        return Ok(match address(text)?.to_canonical() {
            IpAddr::V4(address) => Entry::V4(address.into(), address.into()),
            IpAddr::V6(address) => Entry::V6(address.into(), address.into()),
        });
    };
    let (network, length) = (address(network)?, prefix(length)?);
    match (network, network.to_canonical()) {
        (IpAddr::V4(network), _) if length <= 32 => v4(network, length),
        // An IPv4-mapped network is one of IPv4 (RFC 4291 §2.5.5.2).
        (IpAddr::V6(_), IpAddr::V4(network)) if (96..=128).contains(&length) => v4(network, length - 96),
        (IpAddr::V6(network), _) if length <= 128 => v6(network, length),
        _ => Err(Problem::NoPrefix),
    }
}

fn prefix(text: &str) -> Result<u8, Problem> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = plain && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().map_err(|_| Problem::NoPrefix) } else { Err(Problem::NoPrefix) }
}

fn v4(network: Ipv4Addr, length: u8) -> Result<Entry, Problem> {
    let hosts = u32::MAX.checked_shr(length.into()).unwrap_or(0);
    let first = u32::from(network);
    if first & hosts != 0 {
        return Err(Problem::HostBits(format!("{}/{length}", Ipv4Addr::from(first & !hosts))));
    }
    Ok(Entry::V4(first, first | hosts))
}

fn v6(network: Ipv6Addr, length: u8) -> Result<Entry, Problem> {
    let hosts = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    let first = u128::from(network);
    if first & hosts != 0 {
        return Err(Problem::HostBits(format!("{}/{length}", Ipv6Addr::from(first & !hosts))));
    }
    Ok(Entry::V6(first, first | hosts))
}
