use std::{error::Error, fmt, net::IpAddr, str::FromStr};

use http::{HeaderName, header};

use super::walk::MAX_HOPS;
use crate::validator::{AddressWarning, Networks};

/// The proxies whose word is taken for where a request comes from, and the one header in which they give it.
///
/// Every other header is ignored: a client can send it. Let the proxies append to the header, or replace it.
///
/// ```
/// use tower_authn::scheme::{ClientAddr, ForwardedBy, TrustedProxies};
///
/// let proxies = TrustedProxies::networks("10.0.0.0/24".parse()?, ForwardedBy::XForwardedFor);
/// let client = ClientAddr::new().behind(proxies);
/// # let _ = client;
/// # Ok::<(), tower_authn::validator::NetworksError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    trusted: Trusted,
    pub(super) header: ForwardedBy,
}

#[derive(Clone, Debug)]
enum Trusted {
    Networks(Networks),
    Hops(usize),
}

impl TrustedProxies {
    /// Trusts proxies in these networks. The first address from the right that is not among them is the client's.
    pub fn networks(networks: Networks, header: ForwardedBy) -> Self {
        Self { trusted: Trusted::Networks(networks), header }
    }

    /// Trusts so many proxies in front, whatever their addresses; none of them may be reached by going around another.
    /// At most 32: beyond them no address is found.
    pub fn hops(count: usize, header: ForwardedBy) -> Self {
        Self { trusted: Trusted::Hops(count), header }
    }

    /// Returns what is legal about them, and hardly meant.
    pub fn warning(&self) -> Option<AddressWarning> {
        match &self.trusted {
            Trusted::Networks(networks) if networks.is_everything() => Some(AddressWarning::TrustsEverything),
            Trusted::Networks(networks) if networks.is_empty() => Some(AddressWarning::TrustsNobody),
            Trusted::Hops(0) => Some(AddressWarning::TrustsNobody),
            Trusted::Hops(count) if *count > MAX_HOPS => Some(AddressWarning::TooManyHops),
            Trusted::Networks(_) | Trusted::Hops(_) => None,
        }
    }

    /// Whether the address at so many hops from here is a proxy's; 0 is the peer.
    pub(super) fn trust(&self, hop: usize, address: IpAddr) -> bool {
        match &self.trusted {
            Trusted::Networks(networks) => networks.contains(address),
            Trusted::Hops(count) => hop < *count,
        }
    }
}

/// The header in which proxies say where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`: addresses, separated by commas.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardedBy {
    pub(super) fn name(self) -> HeaderName {
        static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR.clone(),
            Self::Forwarded => header::FORWARDED,
        }
    }
}

/// By the header's name, in any case.
impl FromStr for ForwardedBy {
    type Err = ForwardedByError;

    fn from_str(name: &str) -> Result<Self, ForwardedByError> {
        match name.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(ForwardedByError(())),
        }
    }
}

/// A header that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardedByError(());

impl fmt::Display for ForwardedByError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("proxies are believed by `x-forwarded-for` or `forwarded`")
    }
}

impl Error for ForwardedByError {}
