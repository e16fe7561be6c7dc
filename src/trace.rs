//! What is written to the log (feature `tracing`): one event for each request that is turned away.

use http::StatusCode;

use crate::Rejection;

/// Refusals at info, outages at warn, mistakes in the set-up at error. The findings hold no credential.
#[cfg(feature = "tracing")]
pub(crate) fn rejected(rejection: &Rejection, status: StatusCode) {
    use crate::RejectionKind;

    let (kind, reason) = (rejection.kind().as_str(), rejection.reason().as_str());
    let status = status.as_u16();
    match rejection.kind() {
        RejectionKind::Misconfigured => {
            tracing::error!(target: "tower_authn", kind, reason, status, "{rejection}");
        }
        RejectionKind::Unavailable => {
            tracing::warn!(target: "tower_authn", kind, reason, status, "{rejection}");
        }
        _ => tracing::info!(target: "tower_authn", kind, reason, status, "{rejection}"),
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn rejected(_: &Rejection, _: StatusCode) {}

/// What is legal about a configuration, and hardly meant; at warn.
#[cfg(feature = "tracing")]
pub(crate) fn warned(warning: &crate::ConfigurationWarning) {
    tracing::warn!(target: "tower_authn", "{warning}");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn warned(_: &crate::ConfigurationWarning) {}

/// What became of an issuer's keys on the network, at debug; those that could not be used, and failures, at warn.
#[cfg(all(feature = "jwt", feature = "tracing"))]
mod keys {
    use std::fmt::{Debug, Display};

    use crate::validator::jwt::KeySet;

    pub(crate) fn keys_fetched(location: &impl Debug, keys: &KeySet) {
        tracing::debug!(target: "tower_authn", ?location, keys = keys.len(), "key set fetched");
        for key in keys.passed_over() {
            tracing::warn!(target: "tower_authn", ?location, "key passed over: {key}");
        }
    }

    pub(crate) fn keys_failed(location: &impl Debug, failure: &impl Display) {
        tracing::warn!(target: "tower_authn", ?location, "key set not fetched: {failure}");
    }
}

#[cfg(all(feature = "jwt", not(feature = "tracing")))]
mod keys {
    use crate::validator::jwt::KeySet;

    pub(crate) fn keys_fetched<L>(_: &L, _: &KeySet) {}

    pub(crate) fn keys_failed<L, F>(_: &L, _: &F) {}
}

#[cfg(feature = "jwt")]
pub(crate) use keys::{keys_failed, keys_fetched};

/// Whether the users of a file were read anew, at debug, or stay as they were, at warn.
#[cfg(all(feature = "passwords", feature = "tracing"))]
mod users {
    use std::path::Path;

    use crate::validator::passwords::HtpasswdError;

    pub(crate) fn users_read(path: &Path, users: usize) {
        tracing::debug!(target: "tower_authn", path = %path.display(), users, "users read");
    }

    pub(crate) fn users_not_read(error: &HtpasswdError) {
        tracing::warn!(target: "tower_authn", "users not read, those of before stay: {error}");
    }
}

#[cfg(all(feature = "passwords", not(feature = "tracing")))]
mod users {
    pub(crate) fn users_read<P: ?Sized>(_: &P, _: usize) {}

    pub(crate) fn users_not_read<E>(_: &E) {}
}

#[cfg(feature = "passwords")]
pub(crate) use users::{users_not_read, users_read};
