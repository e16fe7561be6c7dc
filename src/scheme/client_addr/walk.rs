use std::{fmt, net::IpAddr};

use http::{HeaderMap, HeaderValue};

use super::{ForwardedBy, TrustedProxies, node};

/// The longest header, in bytes, and the most hops that are looked at.
const MAX_LEN: usize = 8 * 1024;
pub(super) const MAX_HOPS: usize = 32;

/// How a client's address was found: from the peer, past trusted proxies, to the first that is not one. For operators.
///
/// ```
/// use http::Request;
/// use tower_authn::scheme::{ClientAddr, ForwardedBy, PeerAddr, TrustedProxies, WalkEnd};
///
/// let mut request = Request::get("/").header("x-forwarded-for", "6.6.6.6, 192.0.2.7").body(())?;
/// request.extensions_mut().insert(PeerAddr("10.0.0.1".parse()?));
/// let proxies = TrustedProxies::networks("10.0.0.0/8".parse()?, ForwardedBy::XForwardedFor);
/// let walk = ClientAddr::new().behind(proxies).explain(&request.into_parts().0).expect("a peer");
///
/// assert_eq!(walk.client(), Some("192.0.2.7".parse()?)); // and not what the client wrote itself
/// assert_eq!((walk.proxies(), walk.end()), (&["10.0.0.1".parse()?][..], WalkEnd::NotAProxy));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    proxies: Vec<IpAddr>,
    client: Option<IpAddr>,
    end: WalkEnd,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WalkEnd {
    /// At an address that is no trusted proxy's: the client's.
    NotAProxy,
    /// A trusted proxy named nobody: there is no header, or it holds too few addresses. No address.
    HeaderEnded,
    /// At something that is no address, such as `unknown` or an obfuscated name. No address.
    NoAddress,
    /// At `0.0.0.0` or `::`, the peer's or in the header: nobody has that address. No address.
    Unspecified,
    /// The header is longer than 8 KiB, or names more than 32 proxies. No address.
    TooLong,
}

impl Walk {
    /// Returns the client's address, if there is one that can be believed.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Returns the trusted proxies, the peer first.
    pub fn proxies(&self) -> &[IpAddr] {
        &self.proxies
    }

    /// Returns why it ended.
    pub fn end(&self) -> WalkEnd {
        self.end
    }
}

/// One sentence for the log.
impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proxies.as_slice() {
            [] => {}
            [peer] => write!(f, "past the proxy {peer}, ")?,
            [peer, .., last] => {
                write!(f, "past {} proxies from {peer} to {last}, ", self.proxies.len())?;
            }
        }
        match self.client {
            Some(client) => write!(f, "the client is {client}"),
            None => self.end.fmt(f),
        }
    }
}

impl fmt::Display for WalkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAProxy => "an address that is no trusted proxy's",
            Self::HeaderEnded => "the header names nobody else",
            Self::NoAddress => "the header has something that is no address",
            Self::Unspecified => "0.0.0.0 and :: are nobody's address",
            Self::TooLong => "the header is longer than 8 KiB, or names more than 32 proxies",
        })
    }
}

pub(super) fn walk(peer: IpAddr, proxies: Option<&TrustedProxies>, headers: &HeaderMap) -> Walk {
    if peer.is_unspecified() {
        return Walk { proxies: Vec::new(), client: None, end: WalkEnd::Unspecified };
    }
    let Some(proxies) = proxies.filter(|proxies| proxies.trust(0, peer)) else {
        return Walk { proxies: Vec::new(), client: Some(peer), end: WalkEnd::NotAProxy };
    };
    let name = proxies.header.name();
    let lines = headers.get_all(&name);
    if lines.iter().map(HeaderValue::len).sum::<usize>() > MAX_LEN {
        return Walk { proxies: vec![peer], client: None, end: WalkEnd::TooLong };
    }
    // A line that is no text holds one entry, which is no address.
    let lines = lines.iter().rev().map(|line| line.to_str().ok());
    match proxies.header {
        ForwardedBy::XForwardedFor => {
            let entries = lines.flat_map(|line| line.unwrap_or_default().rsplit(','));
            back(peer, proxies, entries.map(|entry| node::loose(entry.trim())))
        }
        // Where an element of it begins can only be told from the left.
        ForwardedBy::Forwarded => {
            let elements = |line: Option<&str>| line.and_then(node::forwarded).unwrap_or_else(|| vec![None]);
            back(peer, proxies, lines.flat_map(|line| elements(line).into_iter().rev()))
        }
    }
}

/// Goes from the peer back through what the header names, the last entry first.
fn back(peer: IpAddr, proxies: &TrustedProxies, entries: impl Iterator<Item = Option<IpAddr>>) -> Walk {
    let ended = |passed, end| Walk { proxies: passed, client: None, end };
    let mut passed = vec![peer];
    for entry in entries {
        let Some(address) = entry.map(|address| address.to_canonical()) else {
            return ended(passed, WalkEnd::NoAddress);
        };
        if address.is_unspecified() {
            return ended(passed, WalkEnd::Unspecified);
        }
        if !proxies.trust(passed.len(), address) {
            return Walk { proxies: passed, client: Some(address), end: WalkEnd::NotAProxy };
        }
        if passed.len() == MAX_HOPS {
            return ended(passed, WalkEnd::TooLong);
        }
        passed.push(address);
    }
    ended(passed, WalkEnd::HeaderEnded)
}
