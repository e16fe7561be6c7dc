//! What is counted (feature `metrics`), by whatever recorder the app installs. The one place that knows `metrics`: the names, and the
//! labels, whose values are known before the first request.

use std::sync::Once;

use metrics::{
    Label, Recorder, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

use super::{Decision, Event, Observe, ObserverKey, Report, decision::Schemes};
use crate::{
    AuthenticateLayer, Authenticator, Reason,
    inspect::{Measure, Value},
};

/// Counts decisions and how long they take (feature `metrics`), by whatever recorder the app installs; one without a size counts as none.
/// Every [`AuthenticateLayer`] has one. The manual's chapter on [operating](crate::manual::operating) lists the names.
///
/// ```
/// use tower_authn::observe::Metrics;
///
/// let metrics = Metrics::default();
/// # let _ = metrics;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {}

impl Observe for Metrics {
    fn observe(&self, event: &Event<'_>) {
        if let Some(decision) = event.decision() {
            decided(decision);
        } else if let Event::ReportOnly(report) = event {
            reported(report);
        }
    }

    /// Whether a recorder is installed: the one that stands in for none has no size.
    fn is_listening(&self) -> bool {
        metrics::with_recorder(|recorder: &dyn Recorder| size_of_val(recorder) != 0)
    }

    /// All count by one recorder.
    fn key(&self) -> ObserverKey {
        ObserverKey::of_kind::<Self>()
    }
}

fn decided(decision: &Decision<'_>) {
    describe();
    let scheme = scheme(decision.schemes());
    let reason = decision.reason().map_or("none", Reason::as_str);
    let outcome = decision.outcome().as_str();
    let mut labels = vec![
        Label::new("scheme", scheme.clone()),
        Label::new("outcome", outcome),
        Label::new("reason", reason),
    ];
    labels.extend(decision.grpc_status().map(|status| Label::new("grpc_status", status.to_string())));
    counter!("tower_authn_decisions_total", labels).increment(1);
    if let Some(elapsed) = decision.elapsed() {
        histogram!("tower_authn_decision_duration_seconds", "scheme" => scheme).record(elapsed);
    }
}

fn reported(report: &Report<'_>) {
    let reason = report.reason().map_or("none", Reason::as_str);
    let (verdict, outcome) = (report.verdict().as_str(), report.outcome().as_str());
    counter!(
        "tower_authn_report_only_total",
        "verdict" => verdict,
        "outcome" => outcome,
        "scheme" => scheme(report.schemes()),
        "reason" => reason
    )
    .increment(1);
}

fn scheme(schemes: &[&'static str]) -> SharedString {
    match schemes {
        [scheme] => SharedString::from(*scheme),
        schemes => SharedString::from(Schemes(schemes).to_string()),
    }
}

const COUNTERS: [(&str, &str); 6] = [
    ("tower_authn_cache_hits_total", "Credentials that were found verified"),
    ("tower_authn_cache_misses_total", "Credentials that had to be verified"),
    ("tower_authn_decisions_total", "Requests let in and turned away"),
    ("tower_authn_hashes_total", "Password hashes computed"),
    ("tower_authn_hashes_turned_away_total", "Sign-ins for which no hash permit became free in time"),
    ("tower_authn_report_only_total", "What would have been decided by what is tried out"),
];

const GAUGES: [(&str, &str); 10] = [
    ("tower_authn_cache_entries", "Verified credentials that are remembered"),
    ("tower_authn_hash_permits", "Password hashes that may be computed at once"),
    ("tower_authn_hash_permits_used", "Password hashes that are being computed"),
    ("tower_authn_hash_queue", "Sign-ins that wait for a hash permit"),
    ("tower_authn_key_set_age_seconds", "Time since an issuer's keys were last seen"),
    ("tower_authn_key_set_keys", "Keys of an issuer that can be used"),
    ("tower_authn_sessions", "Sessions in memory, with those that ended lately"),
    ("tower_authn_sessions_most", "Sessions that memory has places for"),
    ("tower_authn_throttle_places", "Places for what failures are counted by"),
    (
        "tower_authn_throttle_places_used",
        "Addresses, and users at an address, with failures held against them",
    ),
];

fn describe() {
    static DESCRIBED: Once = Once::new();
    DESCRIBED.call_once(|| {
        for (name, what) in COUNTERS {
            describe_counter!(name, what);
        }
        for (name, what) in GAUGES {
            describe_gauge!(name, what);
        }
        describe_histogram!(
            "tower_authn_decision_duration_seconds",
            Unit::Seconds,
            "How long it took to decide on a request"
        );
    });
}

impl<A: Authenticator, R> AuthenticateLayer<A, R> {
    /// Sets the gauges of all parts: key sets, caches, hash permits, throttles (feature `metrics`). Call it before each scrape,
    /// or every few seconds. Of parts that share scheme and realm (and issuer) the first counts; what
    /// [`report_only`](Self::report_only) tries counts last. The manual's chapter on [operating](crate::manual::operating) lists their names.
    ///
    /// ```
    /// use tower_authn::{AuthenticateLayer, Scheme, Tokens, scheme::Bearer};
    ///
    /// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()));
    /// let scrape = move || {
    ///     layer.measure();
    ///     // … and render what the recorder has.
    /// };
    /// # scrape();
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn measure(&self) {
        describe();
        let inspection = self.inspection();
        let measures = inspection.measures();
        for (index, measure) in measures.iter().enumerate() {
            if !measures[..index].iter().any(|first| first.takes_place_of(measure)) {
                publish(measure);
            }
        }
    }
}

fn publish(measure: &Measure) {
    let Measure { name, scheme, realm, issuer, value } = measure.clone();
    let mut labels = vec![Label::new("scheme", scheme)];
    labels.extend(realm.map(|realm| Label::new("realm", String::from(realm))));
    labels.extend(issuer.map(|issuer| Label::new("issuer", String::from(issuer))));
    match value {
        Value::Gauge(value) => gauge!(name, labels).set(value),
        Value::Total(total) => counter!(name, labels).absolute(total),
    }
}
