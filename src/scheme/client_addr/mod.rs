//! The client's address as a scheme.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{Extensions, request::Parts};

mod node;
mod proxies;
mod walk;

pub use proxies::{ForwardedBy, ForwardedByError, TrustedProxies};
pub use walk::{Walk, WalkEnd};

use super::Scheme;
use crate::{
    Asked, Challenge, Finding, Inspection, IntoRealm, Realm, Reason, Rejection, visit::ResolvedClient,
};

/// The client's address: the peer's, or behind [trusted proxies](TrustedProxies) the one that they vouch for.
///
/// | what is there | the client sees |
/// |---|---|
/// | the peer's address is not in the request's extensions | 503: the server's mistake, whose remedy is in the log |
/// | the proxies' header names no address, or somebody's is `0.0.0.0` or `::` | 403, or 401 by [`challenged`](Self::challenged), or 404 by [`concealed`](Self::concealed) |
/// | an address | what the validator says, such as [`IpAllowlist`](crate::validator::IpAllowlist) |
///
/// The peer's address is looked for in the extensions: as [`PeerAddr`], then where [`peer_from`](Self::peer_from) says, or else as
/// [`SocketAddr`]. For axum, serve with
/// `into_make_service_with_connect_info::<SocketAddr>()`, and say where it is:
///
/// ```
/// use std::net::SocketAddr;
/// use axum::extract::ConnectInfo;
/// use tower_authn::{Scheme, scheme::ClientAddr, validator::{IpAllowlist, Networks}};
///
/// let office = ClientAddr::new()
///     .peer_from(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()))
///     .validated_by(IpAllowlist::new(Networks::private()));
/// # let _ = office;
/// ```
///
/// An acceptor of the PROXY protocol puts a [`PeerAddr`] with what the protocol says into the extensions; it goes first. A Unix socket has no
/// address: put the [`PeerAddr`] there that it should count as, such as the loopback's.
#[derive(Clone)]
#[must_use]
pub struct ClientAddr {
    peer: fn(&Extensions) -> Option<IpAddr>,
    proxies: Option<TrustedProxies>,
    realm: Option<Realm>,
    challenge: Option<Challenge>,
    is_concealed: bool,
}

impl ClientAddr {
    /// Makes the scheme: the peer's own address, whatever headers say.
    pub fn new() -> Self {
        Self { peer, proxies: None, realm: None, challenge: None, is_concealed: false }
    }

    /// Says where the peer's address is among a request's extensions that hold no [`PeerAddr`].
    pub fn peer_from(self, peer: fn(&Extensions) -> Option<IpAddr>) -> Self {
        Self { peer, ..self }
    }

    /// Believes proxies.
    pub fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies: Some(proxies), ..self }
    }

    /// Offers a challenge, `ClientAddr realm="…"`: an address that is unknown is answered 401, and one that is not allowed may
    /// be; see [`IpAllowlist::challenged`](crate::validator::IpAllowlist::challenged).
    ///
    /// # Panics
    ///
    /// A literal that is no [`Realm`](crate::Realm).
    #[track_caller]
    pub fn challenged(self, realm: impl IntoRealm) -> Self {
        let realm = realm.into_realm();
        let challenge = Challenge::new("ClientAddr").param("realm", realm.as_str()).build().ok();
        Self { realm: Some(realm), challenge, ..self }
    }

    /// Answers 404 to an address that is unknown, challenge or not. Conceal the list too; see
    /// [`IpAllowlist::concealed`](crate::validator::IpAllowlist::concealed).
    pub fn concealed(self) -> Self {
        Self { is_concealed: true, ..self }
    }

    /// Returns the client's address, for logs and throttles.
    ///
    /// # Errors
    ///
    /// As for a request: 503, or 403 unless configured otherwise.
    pub fn of(&self, head: &Parts) -> Result<ClientIp, Rejection> {
        let walk = self.explain(head)?;
        walk.client().map(ClientIp).ok_or_else(|| {
            let rejection = match (self.is_concealed, &self.challenge) {
                (true, _) => Rejection::forbidden().concealed(),
                (false, Some(_)) => Rejection::invalid(),
                (false, None) => Rejection::forbidden(),
            };
            rejection.with_reason(Reason::AddressUnknown).because(walk.to_string())
        })
    }

    /// Returns how the address was found: which hops were believed, and why it ended.
    ///
    /// # Errors
    ///
    /// The peer's address is not there.
    pub fn explain(&self, head: &Parts) -> Result<Walk, Rejection> {
        let peer = head.extensions.get::<PeerAddr>().map(|peer| peer.0);
        let peer = peer.or_else(|| (self.peer)(&head.extensions)).ok_or_else(|| {
            Rejection::unavailable().with_reason(Reason::AddressUnknown).because(
                "the peer's address is not in the request's extensions: add a `PeerAddr` where connections are \
                 accepted, or say where it is by `ClientAddr::peer_from`",
            )
        })?;
        Ok(walk::walk(peer.to_canonical(), self.proxies.as_ref(), &head.headers))
    }
}

impl Default for ClientAddr {
    fn default() -> Self {
        Self::new()
    }
}

impl Scheme for ClientAddr {
    type Credentials = ClientIp;

    fn name(&self) -> &'static str {
        "ClientAddr"
    }

    fn extract(&self, head: &mut Parts, _: &Asked) -> Result<Option<ClientIp>, Rejection> {
        let client = self.of(head)?;
        // For the validators of the same stack: see `Visit::client`.
        head.extensions.insert(ResolvedClient(client.addr()));
        Ok(Some(client))
    }

    fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
        self.challenge.clone()
    }

    fn realm(&self) -> Option<&str> {
        self.realm.as_ref().map(Realm::as_str)
    }

    fn inspect(&self, inspection: &mut Inspection) {
        if let Some(warning) = self.proxies.as_ref().and_then(TrustedProxies::warning) {
            inspection.warn(warning.into());
        }
    }
}

impl fmt::Debug for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAddr")
            .field("proxies", &self.proxies)
            .field("challenge", &self.challenge)
            .field("is_concealed", &self.is_concealed)
            .finish_non_exhaustive()
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<SocketAddr>().map(SocketAddr::ip)
}

/// The peer's address, as whoever accepts connections puts it into a request's extensions.
///
/// ```
/// use tower_authn::scheme::PeerAddr;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerAddr("192.0.2.7".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub IpAddr);

/// A client's address, as it was believed. IPv4-mapped IPv6 addresses are IPv4.
///
/// ```
/// use tower_authn::Authenticated;
/// use tower_authn::scheme::ClientIp;
///
/// async fn whence(client: Authenticated<ClientIp>) -> String {
///     format!("You come from {}.", *client)
/// }
/// # let _ = whence;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    /// Makes one, for tests of validators.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Returns the address.
    pub fn addr(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
