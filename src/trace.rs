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
