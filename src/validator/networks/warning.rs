use std::fmt;

/// Something about addresses that is legal, and hardly meant: part of what [`AuthenticateLayer::check`] returns. A list that
/// is replaced at run time logs it by itself (feature `tracing`).
///
/// [`AuthenticateLayer::check`]: crate::AuthenticateLayer::check
///
/// ```
/// use tower_authn::validator::{AddressWarning, IpAllowlist};
///
/// let list = IpAllowlist::new("0.0.0.0/0".parse()?);
/// assert_eq!(list.warning(), Some(AddressWarning::AllowsEverything));
/// # Ok::<(), tower_authn::validator::NetworksError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressWarning {
    /// The allow list contains a whole address family. Name the networks that are meant, or leave the list away.
    AllowsEverything,
    /// Everybody is a trusted proxy, so that every client may choose its address. Name the proxies' networks.
    TrustsEverything,
    /// A header is configured, and nobody is trusted to set it, so that it is never read. Name the proxies' networks.
    TrustsNobody,
    /// More than 32 hops are trusted, so that no address is ever found. Give the number of proxies in front.
    TooManyHops,
}

impl fmt::Display for AddressWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AllowsEverything => "the allow list contains a whole address family: name the networks that are meant",
            Self::TrustsEverything => {
                "everybody is a trusted proxy, so every client may choose its address: name the proxies' networks"
            }
            Self::TrustsNobody => "no proxy is trusted, so the header is never read: name the proxies' networks",
            Self::TooManyHops => "more than 32 hops are trusted, so no address is found: give the number of proxies",
        })
    }
}
