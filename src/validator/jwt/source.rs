//! Where an issuer's keys come from.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use super::KeySet;
use super::remote::RemoteKeys;
use super::status::Fetched;
use crate::Rejection;

/// Keys that come from somewhere, and may change: a database, a file that is watched, a service.
///
/// Keys on the network need none of this: see [`JwtBuilder::jwks_uri`](super::JwtBuilder::jwks_uri) and
/// [`discover`](super::JwtBuilder::discover).
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, RwLock};
/// use tower_authn::Rejection;
/// use tower_authn::validator::jwt::{KeySet, KeySource};
///
/// struct Watched(RwLock<Option<Arc<KeySet>>>);
///
/// impl KeySource for Watched {
///     fn keys(&self) -> Result<Arc<KeySet>, Rejection> {
///         let keys = self.0.read().map_err(|_| Rejection::unavailable())?;
///         keys.clone().ok_or_else(Rejection::unavailable)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no source of keys",
    note = "implement `KeySource`; keys that never change are given as they are, by `.key(…)` or `.key_set(…)`"
)]
pub trait KeySource: Send + Sync + 'static {
    /// Returns the keys held now. Called for each token, so it must neither wait nor compute.
    ///
    /// # Errors
    ///
    /// There are none to be trusted: [`Rejection::unavailable`], which the client sees as 503.
    fn keys(&self) -> Result<Arc<KeySet>, Rejection>;

    /// Looks for newer keys, since a token names a key that is not among [`keys`](Self::keys); they are looked up once
    /// more afterwards. Whoever implements this bounds how often it does any work: any client can name a new key. It does
    /// nothing unless implemented.
    ///
    /// # Errors
    ///
    /// It cannot be told whether there are newer keys: [`Rejection::unavailable`].
    fn refresh(&self, id: &str) -> impl Future<Output = Result<(), Rejection>> + Send {
        let _ = id;
        ready(Ok(()))
    }
}

impl<S: KeySource> KeySource for Arc<S> {
    fn keys(&self) -> Result<Arc<KeySet>, Rejection> {
        S::keys(self)
    }

    fn refresh(&self, id: &str) -> impl Future<Output = Result<(), Rejection>> + Send {
        S::refresh(self, id)
    }
}

/// A key source whose future has no name.
pub(crate) trait DynKeySource: Send + Sync {
    fn keys(&self) -> Result<Arc<KeySet>, Rejection>;
    fn refresh<'a>(&'a self, id: &'a str)
    -> Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send + 'a>>;
}

impl<S: KeySource> DynKeySource for S {
    fn keys(&self) -> Result<Arc<KeySet>, Rejection> {
        KeySource::keys(self)
    }

    fn refresh<'a>(
        &'a self,
        id: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send + 'a>> {
        Box::pin(KeySource::refresh(self, id))
    }
}

/// What an issuer was configured with.
pub(crate) enum Source {
    Local(Arc<KeySet>),
    Remote(RemoteKeys),
    Custom(Box<dyn DynKeySource>),
}

impl Source {
    pub(crate) fn keys(&self) -> Result<Arc<KeySet>, Rejection> {
        match self {
            Self::Local(keys) => Ok(Arc::clone(keys)),
            Self::Remote(keys) => keys.current(),
            Self::Custom(source) => source.keys(),
        }
    }

    /// Whether an unknown `kid` may become known.
    pub(crate) fn changes(&self) -> bool {
        !matches!(self, Self::Local(_))
    }

    pub(crate) async fn refresh(&self, id: &str) -> Result<(), Rejection> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Remote(keys) => keys.refresh(id).await,
            Self::Custom(source) => source.refresh(id).await,
        }
    }

    /// Returns the keys at hand, without asking for newer ones.
    pub(crate) fn peek(&self) -> Option<Arc<KeySet>> {
        match self {
            Self::Local(keys) => Some(Arc::clone(keys)),
            Self::Remote(keys) => keys.peek(),
            Self::Custom(source) => source.keys().ok(),
        }
    }

    pub(crate) fn fetched(&self) -> Fetched {
        match self {
            Self::Remote(keys) => keys.fetched(),
            Self::Local(_) | Self::Custom(_) => Fetched::default(),
        }
    }

    /// Waits for the first answer, if one is on its way.
    pub(crate) async fn first(&self) -> Result<(), Rejection> {
        match self {
            Self::Remote(keys) => keys.first().await,
            Self::Local(_) | Self::Custom(_) => Ok(()),
        }
    }

    /// Waits until there are keys.
    pub(crate) async fn ready(&self) {
        if let Self::Remote(keys) = self {
            keys.ready().await;
        }
    }
}
