//! What a decision was about, beyond scheme and reason.

use std::{net::IpAddr, sync::Arc};

/// Particulars of a decision that an operator may see: names from the configuration, and the client's address. Nothing that
/// a client chose, and no secret, belongs here.
///
/// ```
/// use tower_authn::{Details, Rejection, Reason};
///
/// let details = Details::new().with_issuer("https://idp.example");
/// let rejection = Rejection::invalid().with_reason(Reason::Expired).with_details(details);
/// assert_eq!(rejection.findings()[0].details().issuer(), Some("https://idp.example"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Details {
    issuer: Option<Arc<str>>,
    key_id: Option<Arc<str>>,
    client: Option<IpAddr>,
}

impl Details {
    /// Begins with none.
    pub const fn new() -> Self {
        Self { issuer: None, key_id: None, client: None }
    }

    /// Names the issuer, as it was configured.
    pub fn with_issuer(self, issuer: impl Into<Arc<str>>) -> Self {
        Self { issuer: Some(issuer.into()), ..self }
    }

    /// Names the key; one that is known here, whatever the token says.
    pub fn with_key_id(self, id: impl Into<Arc<str>>) -> Self {
        Self { key_id: Some(id.into()), ..self }
    }

    /// Names the client's address, as it was believed.
    pub fn with_client(self, address: IpAddr) -> Self {
        Self { client: Some(address), ..self }
    }

    /// Returns the issuer.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns the key's id.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Returns the client's address.
    pub const fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Adds what is not known yet to particulars that may be there.
    pub(crate) fn complete(known: &mut Option<Box<Self>>, more: Self) {
        let known = known.get_or_insert_default();
        **known = std::mem::take(&mut **known).or(more);
    }

    /// Takes from another what is not known yet.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            issuer: self.issuer.or(other.issuer),
            key_id: self.key_id.or(other.key_id),
            client: self.client.or(other.client),
        }
    }
}
