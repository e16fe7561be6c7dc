//! The events, each with the same fields. Names are those of the OpenTelemetry semantic conventions where there are any.

use tracing::{Level, level_filters::LevelFilter};

use crate::{
    Reason, Rejection,
    observe::{Decision, Outcome, Report, Schemes},
};

/// Whether any subscriber listens to anything: a load, where none is installed.
pub(crate) fn is_on() -> bool {
    LevelFilter::current() != LevelFilter::OFF
}

/// A decision at this level. A macro, since the level and the fields of an event must be known to the compiler.
macro_rules! event {
    ($level:ident, $decision:ident, $left_out:expr) => {
        tracing::event!(
            target: "tower_authn",
            Level::$level,
            { authn.outcome = $decision.outcome().as_str(),
            authn.scheme = display(Schemes($decision.schemes())),
            authn.reason = $decision.reason().map(Reason::as_str),
            authn.kind = $decision.kind().map(crate::RejectionKind::as_str),
            authn.realm = $decision.realm(),
            authn.issuer = $decision.details().issuer(),
            authn.key_id = $decision.details().key_id(),
            authn.id = $decision.id(),
            authn.elapsed_us = $decision.elapsed().map(|elapsed| u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)),
            authn.left_out = $left_out,
            client.address = $decision.details().client().map(display),
            "error.type" = error_type($decision),
            http.response.status_code = $decision.status().map(|status| status.as_u16()),
            rpc.grpc.status_code = $decision.grpc_status(),
            user.hash = $decision.user_hash(),
            user.name = $decision.user_name() },
            "{}",
            $decision
        )
    };
}

/// Accepted requests at debug, refusals at info, mistakes in the set-up at error. Outages at warn, one in a while; those that
/// are left out are written at info if somebody could ask for them by their id.
pub(crate) fn decided(decision: &Decision<'_>, line: impl FnOnce() -> Option<u64>) {
    let none = None::<u64>;
    match decision.outcome() {
        Outcome::Accepted => event!(DEBUG, decision, none),
        Outcome::Refused => event!(INFO, decision, none),
        Outcome::Misconfigured => event!(ERROR, decision, none),
        Outcome::Unavailable => match line() {
            Some(left_out) => event!(WARN, decision, Some(left_out).filter(|left_out| *left_out > 0)),
            None if decision.id().is_some() => event!(INFO, decision, none),
            None => {}
        },
    }
}

/// What went wrong in the server, by the reason's code; nothing is wrong where a client is refused.
fn error_type(decision: &Decision<'_>) -> Option<&'static str> {
    let is_error = matches!(decision.outcome(), Outcome::Unavailable | Outcome::Misconfigured);
    decision.reason().filter(|_| is_error).map(Reason::as_str)
}

/// What would have been decided otherwise, or was not decided, at info; the rest at debug.
pub(crate) fn reported(report: &Report<'_>) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "tower_authn",
                Level::$level,
                { authn.report_only = report.verdict().as_str(),
                authn.outcome = report.outcome().as_str(),
                authn.scheme = display(Schemes(report.schemes())),
                authn.reason = report.reason().map(Reason::as_str),
                authn.id = report.id() },
                "{report}"
            )
        };
    }
    if report.agrees() { event!(DEBUG) } else { event!(INFO) }
}

/// A mistake in the set-up that no layer may be around to tell of.
pub(crate) fn undrawn(rejection: &Rejection) {
    let reason = rejection.reason().as_str();
    tracing::event!(
        target: "tower_authn",
        Level::ERROR,
        { authn.outcome = Outcome::Misconfigured.as_str(),
        authn.reason = reason,
        authn.kind = rejection.kind().as_str(),
        "error.type" = reason,
        http.response.status_code = 500_u16 },
        "500: {rejection}"
    );
}

/// What is legal about a configuration, and hardly meant; at warn.
pub(crate) fn warned(warning: &crate::ConfigurationWarning) {
    tracing::warn!(target: "tower_authn", "{warning}");
}

/// What became of an issuer's keys on the network, at debug; those that could not be used, and failures, at warn, one in a
/// while.
#[cfg(feature = "jwt")]
pub(crate) fn keys_fetched(
    issuer: &str,
    location: &impl std::fmt::Debug,
    keys: &crate::validator::jwt::KeySet,
) {
    tracing::event!(
        target: "tower_authn",
        Level::DEBUG,
        { authn.issuer = issuer, ?location, keys = keys.len() },
        "key set fetched"
    );
    for key in keys.passed_over() {
        tracing::event!(
            target: "tower_authn",
            Level::WARN,
            { authn.issuer = issuer, ?location },
            "key passed over: {key}"
        );
    }
}

#[cfg(feature = "jwt")]
pub(crate) fn keys_failed(
    issuer: &str,
    location: &impl std::fmt::Debug,
    failure: &impl std::fmt::Display,
    left_out: u64,
) {
    let left_out = Some(left_out).filter(|left_out| *left_out > 0);
    tracing::event!(
        target: "tower_authn",
        Level::WARN,
        { authn.issuer = issuer, authn.left_out = left_out, ?location },
        "key set not fetched: {failure}"
    );
}

/// Whether the users of a file were read anew, at debug, or stay as they were, at warn.
#[cfg(feature = "passwords")]
pub(crate) fn users_read(path: &std::path::Path, users: usize) {
    tracing::debug!(target: "tower_authn", path = %path.display(), users, "users read");
}

#[cfg(feature = "passwords")]
pub(crate) fn users_not_read(error: &crate::validator::passwords::HtpasswdError) {
    tracing::warn!(target: "tower_authn", "users not read, those of before stay: {error}");
}

/// Failures that were not counted, since their store could not write them down; at warn, one in a while.
#[cfg(feature = "redis")]
pub(crate) fn failure_lost(rejection: &Rejection, left_out: u64) {
    let left_out = Some(left_out).filter(|left_out| *left_out > 0);
    tracing::event!(
        target: "tower_authn",
        Level::WARN,
        { authn.left_out = left_out },
        "a failed sign-in was not counted: {rejection}"
    );
}
