//! What is written to the log (feature `tracing`). The one place that knows `tracing`.

use tracing::{Level, level_filters::LevelFilter};

use super::{
    Decision, Event, Observe, ObserverKey, Occurrence, Outcome, Report, Severity, decision::Schemes,
    outage::Outage,
};
use crate::{Reason, RejectionKind};

/// Writes to the log (feature `tracing`): one line for each decision, with fields by the names of the OpenTelemetry semantic
/// conventions where there are any. Every [`AuthenticateLayer`](crate::AuthenticateLayer) has one.
///
/// Accepted requests are logged at debug, refusals at info, mistakes in the set-up at error, outages at warn, at most one line in
/// five seconds; the manual's chapter on [operating](crate::manual::operating) lists the fields.
///
/// ```
/// use tower_authn::{observe::Tracing, scheme::SessionCookie, validator::session::Sessions};
///
/// // Sessions have one from the start; an app's own part may want one, too.
/// let log = Tracing::default();
/// # let _ = log;
/// ```
#[derive(Debug, Default)]
pub struct Tracing {
    outage: Outage,
}

impl Observe for Tracing {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::ReportOnly(report) => reported(report),
            Event::Happened(occurrence) => happened(occurrence),
            Event::Accepted(decision)
            | Event::Refused(decision)
            | Event::Unavailable(decision)
            | Event::Misconfigured(decision) => self.decided(decision),
        }
    }

    /// Whether any subscriber listens to anything: a load, where none is installed.
    fn is_listening(&self) -> bool {
        LevelFilter::current() != LevelFilter::OFF
    }

    /// All write to one log.
    fn key(&self) -> ObserverKey {
        ObserverKey::of_kind::<Self>()
    }
}

/// A decision at this level. A macro, since the level and the fields of an event must be known to the compiler.
macro_rules! decision {
    ($level:ident, $decision:ident, $left_out:expr) => {
        tracing::event!(
            target: "tower_authn",
            Level::$level,
            { authn.outcome = $decision.outcome().as_str(),
            authn.scheme = display(Schemes($decision.schemes())),
            authn.reason = $decision.reason().map(Reason::as_str),
            authn.kind = $decision.kind().map(RejectionKind::as_str),
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

impl Tracing {
    /// Outages are logged once in a while; those that are left out are written at info if somebody could ask for them by their id.
    fn decided(&self, decision: &Decision<'_>) {
        let none = None::<u64>;
        match decision.outcome() {
            Outcome::Accepted => decision!(DEBUG, decision, none),
            Outcome::Refused => decision!(INFO, decision, none),
            Outcome::Misconfigured => decision!(ERROR, decision, none),
            Outcome::Unavailable => match self.outage.line(decision.at()) {
                Some(left_out) => decision!(WARN, decision, Some(left_out).filter(|left_out| *left_out > 0)),
                None if decision.id().is_some() => decision!(INFO, decision, none),
                None => {}
            },
        }
    }
}

/// What went wrong in the server, by the reason's code; nothing is wrong where a client is refused.
fn error_type(decision: &Decision<'_>) -> Option<&'static str> {
    let is_error = matches!(decision.outcome(), Outcome::Unavailable | Outcome::Misconfigured);
    decision.reason().filter(|_| is_error).map(Reason::as_str)
}

/// What would have been decided otherwise, or was not decided, at info; the rest at debug.
fn reported(report: &Report<'_>) {
    macro_rules! report {
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
    if report.agrees() { report!(DEBUG) } else { report!(INFO) }
}

/// What happens beside requests. Fields that are known here have their names, all others stand in the text.
fn happened(occurrence: &Occurrence<'_>) {
    macro_rules! occurrence {
        ($level:ident) => {
            tracing::event!(
                target: "tower_authn",
                Level::$level,
                { authn.event = occurrence.code(),
                authn.issuer = occurrence.field("issuer").map(ToString::to_string),
                authn.keys = occurrence.field("keys").map(display),
                authn.location = occurrence.field("location").map(ToString::to_string),
                authn.outcome = occurrence.field("outcome").map(ToString::to_string),
                authn.reason = occurrence.field("reason").map(ToString::to_string),
                authn.kind = occurrence.field("kind").map(ToString::to_string),
                authn.left_out = occurrence.field("left_out").map(display),
                authn.path = occurrence.field("path").map(ToString::to_string),
                "error.type" = occurrence.field("error_type").map(ToString::to_string),
                http.response.status_code = occurrence.field("status").map(display) },
                "{occurrence}"
            )
        };
    }
    match occurrence.severity() {
        Severity::Debug => occurrence!(DEBUG),
        Severity::Info => occurrence!(INFO),
        Severity::Warning => occurrence!(WARN),
        Severity::Error => occurrence!(ERROR),
    }
}
