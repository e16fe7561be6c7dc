use tower_layer::Layer;

use super::IpAllowlist;
use crate::{
    Authenticate, AuthenticateLayer, authenticator::ValidatedBy, respond::Negotiate, scheme::ClientAddr,
};

/// Lets clients in by their address alone: an [`AuthenticateLayer`] for where nothing else is asked for.
///
/// Handlers may take `Authenticated<ClientIp>`. For an address *or* credentials, or both, combine
/// [`ClientAddr`] as any scheme.
///
/// ```
/// use tower_authn::{scheme::ClientAddr, validator::{IpAllowlist, IpAllowlistLayer, Networks}};
///
/// let layer = IpAllowlistLayer::new(ClientAddr::new(), IpAllowlist::new(Networks::loopback()));
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct IpAllowlistLayer<R = Negotiate>(AuthenticateLayer<ValidatedBy<ClientAddr, IpAllowlist>, R>);

impl IpAllowlistLayer {
    /// Makes the layer. If the list is concealed, an address that is unknown is answered 404 as well.
    pub fn new(client: ClientAddr, list: IpAllowlist) -> Self {
        let client = if list.is_concealed() { client.concealed() } else { client };
        Self(AuthenticateLayer::new(ValidatedBy::new(client, list)))
    }
}

impl<R> IpAllowlistLayer<R> {
    /// Lets something else draw the answers; see [`AuthenticateLayer::respond_with`].
    pub fn respond_with<T>(self, responder: T) -> IpAllowlistLayer<T> {
        IpAllowlistLayer(self.0.respond_with(responder))
    }
}

/// The layer that it is, to be observed, checked or explained as any other.
///
/// ```
/// use tower_authn::{AuthenticateLayer, observe::Event, scheme::ClientAddr};
/// use tower_authn::validator::{IpAllowlist, IpAllowlistLayer, Networks};
///
/// let layer = IpAllowlistLayer::new(ClientAddr::new(), IpAllowlist::new(Networks::loopback()));
/// let layer = AuthenticateLayer::from(layer).observe(|event: &Event<'_>| eprintln!("{event}"));
/// # let _ = layer;
/// ```
impl<R> From<IpAllowlistLayer<R>> for AuthenticateLayer<ValidatedBy<ClientAddr, IpAllowlist>, R> {
    fn from(layer: IpAllowlistLayer<R>) -> Self {
        layer.0
    }
}

impl<S, R> Layer<S> for IpAllowlistLayer<R> {
    type Service = Authenticate<S, ValidatedBy<ClientAddr, IpAllowlist>, R>;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.layer(inner)
    }
}
