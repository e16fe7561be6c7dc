use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;

use super::{AddressWarning, Networks};
use crate::{
    ConfigurationWarning, Details, Inspection, Reason, Rejection, Validator, Visit, observe::Observers,
    scheme::ClientIp,
};

/// Lets clients in by their address. The list may be replaced while requests run, without a lock; clones share it.
///
/// The client sees 403, unless configured otherwise. In `or` with a scheme of credentials it sees that scheme's 401; in `and`
/// put it first, so that nothing is looked up for an address that is refused.
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Users, scheme::{Basic, ClientAddr}, validator::{IpAllowlist, Networks}};
///
/// let office = IpAllowlist::new(Networks::private());
/// let by_address = ClientAddr::new().validated_by(office.clone());
/// let by_password = Basic::new("site").validated_by(Users::<String>::new());
/// let either = by_address.map(|client| client.to_string()).or(by_password);
///
/// office.replace("10.0.0.0/8".parse()?); // from the next request on
/// # let _ = either;
/// # Ok::<(), tower_authn::validator::NetworksError>(())
/// ```
#[derive(Clone)]
pub struct IpAllowlist {
    networks: Arc<ArcSwap<Networks>>,
    denial: Denial,
}

#[derive(Clone, Copy, Debug)]
enum Denial {
    Forbidden,
    Concealed,
    Challenged,
}

impl IpAllowlist {
    /// Allows these networks. An empty set allows nobody.
    pub fn new(networks: Networks) -> Self {
        Self { networks: Arc::new(ArcSwap::from_pointee(networks)), denial: Denial::Forbidden }
    }

    /// Returns what is legal about the list, and hardly meant.
    pub fn warning(&self) -> Option<AddressWarning> {
        self.networks.load().is_everything().then_some(AddressWarning::AllowsEverything)
    }

    /// Answers 404, so that it is not told that there is something. Behind proxies, conceal the
    /// [scheme](crate::scheme::ClientAddr::concealed) as well: a header that names no address does not get as far as the list.
    /// [`IpAllowlistLayer`](super::IpAllowlistLayer) does so by itself.
    #[must_use]
    pub fn concealed(self) -> Self {
        Self { denial: Denial::Concealed, ..self }
    }

    /// Answers 401, with the challenge of [`ClientAddr::challenged`](crate::scheme::ClientAddr::challenged); without one it
    /// stays 403.
    #[must_use]
    pub fn challenged(self) -> Self {
        Self { denial: Denial::Challenged, ..self }
    }

    pub(super) fn is_concealed(&self) -> bool {
        matches!(self.denial, Denial::Concealed)
    }

    /// Replaces the list, for requests from now on.
    pub fn replace(&self, networks: Networks) {
        self.networks.store(Arc::new(networks));
        if let Some(warning) = self.warning() {
            Observers::standard().tell_of(&ConfigurationWarning::from(warning).occurrence());
        }
    }

    /// Returns the list as it is now.
    pub fn networks(&self) -> Arc<Networks> {
        self.networks.load_full()
    }
}

impl Validator<ClientIp> for IpAllowlist {
    type Identity = ClientIp;

    async fn validate(&self, client: ClientIp, visit: &mut Visit) -> Result<Option<ClientIp>, Rejection> {
        visit.about(|| Details::new().with_client(client.addr()));
        if self.networks.load().contains(client.addr()) {
            return Ok(Some(client));
        }
        let rejection = match self.denial {
            Denial::Forbidden => Rejection::forbidden(),
            Denial::Concealed => Rejection::forbidden().concealed(),
            Denial::Challenged => Rejection::invalid(),
        };
        let rejection = rejection.with_reason(Reason::AddressNotAllowed);
        let details = Details::new().with_client(client.addr());
        Err(rejection.because(format!("{client} is not on the list")).with_details(details))
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.warning().into_iter().for_each(|warning| inspection.warn(warning.into()));
    }
}

impl fmt::Debug for IpAllowlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpAllowlist")
            .field("networks", &*self.networks())
            .field("denial", &self.denial)
            .finish()
    }
}
