//! What a layer has besides its authenticator and its responder, shared by its clones.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Context,
    time::Duration,
};

use http::{Extensions, request::Parts};

use super::{
    Correlation, Event, Observe, Outcome, correlation,
    decision::{Decision, Found},
    outage::Outage,
    pending::Waiting,
    report::{Report, Tried},
    trial::{Shadow, Trial},
    user::{Naming, User},
};
use crate::{
    Asked, Authenticator, Clock, Details, Granted, Rejection, Visit, draw::Sent, granted::Schemes, metrics,
    trace,
};

/// Everything that watches a layer.
#[derive(Default)]
pub(crate) struct Hooks {
    observer: Option<Arc<dyn Observe>>,
    pub(crate) correlation: Option<Correlation>,
    pub(crate) naming: Option<Naming>,
    pub(crate) clock: Clock,
    pub(crate) shadow: Option<Arc<dyn Shadow>>,
    realms: Arc<[(&'static str, Box<str>)]>,
    #[cfg(feature = "tracing")]
    has_warned: AtomicBool,
    outage: Outage,
}

/// What is kept of one request that somebody watches.
pub(crate) struct Watch {
    began: Duration,
    pub(super) id: Option<Arc<str>>,
    place: Place,
    pub(crate) user: Option<User>,
    outcome: Option<Outcome>,
    trial: Option<Trial>,
}

/// Whether another layer is around this one, which may still draw over an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outermost,
    Inside,
}

/// Whether a decision still has to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logging {
    Due,
    Done,
}

/// A request that is turned away, as it is told of.
pub(super) struct Case<'a> {
    pub(super) rejection: &'a Rejection,
    pub(super) sent: Sent,
    pub(super) details: Details,
    pub(super) user: Option<&'a User>,
    pub(super) id: Option<&'a str>,
    pub(super) elapsed: Option<Duration>,
}

/// Tells layers further inside that there is one around them; a type without size, so that nothing is allocated for it.
#[derive(Clone)]
struct Around;

impl Hooks {
    pub(crate) fn of(authenticator: &impl Authenticator) -> Self {
        let mut realms = Vec::new();
        authenticator.each_part(&mut |part| {
            realms.extend(part.realm().map(|realm| (part.scheme(), Box::from(realm))));
        });
        Self { realms: realms.into(), ..Self::default() }
    }

    pub(crate) fn observe(&mut self, observer: Arc<dyn Observe>) {
        self.observer = Some(observer);
    }

    /// Whether this is the first time; axum wraps a service for each route.
    #[cfg(feature = "tracing")]
    pub(crate) fn warns_now(&self) -> bool {
        !self.has_warned.swap(true, Relaxed)
    }

    pub(crate) const fn observer(&self) -> Option<&Arc<dyn Observe>> {
        self.observer.as_ref()
    }

    /// Begins to watch a request, if anybody would be told.
    pub(crate) fn watch(&self, head: &Parts, asked: &Asked) -> Option<Box<Watch>> {
        let is_watched = self.correlation.is_some() || self.has_listener();
        is_watched.then(|| Box::new(self.begin(head, asked)))
    }

    fn has_listener(&self) -> bool {
        self.observer.is_some() || trace::is_on() || metrics::is_on()
    }

    #[cold]
    fn begin(&self, head: &Parts, asked: &Asked) -> Watch {
        Watch {
            began: self.clock.monotonic(),
            id: self.correlation.as_ref().and_then(|correlation| correlation.given(&head.headers)),
            place: if is_around(&head.extensions) { Place::Inside } else { Place::Outermost },
            user: None,
            outcome: None,
            trial: self
                .shadow
                .as_ref()
                .filter(|_| self.has_listener())
                .map(|shadow| shadow.begin(head, asked)),
        }
    }

    /// Gives a rejection its id, unless it has one.
    pub(crate) fn identify(&self, rejection: &mut Rejection, watch: Option<&Watch>) {
        if self.correlation.is_some() {
            let given = watch.and_then(|watch| watch.id.clone());
            rejection.identify(|| given.unwrap_or_else(correlation::made));
        }
    }

    pub(crate) fn accepted<I: 'static>(&self, granted: &Granted<I>, visit: &Visit, watch: &mut Watch) {
        let elapsed = self.clock.monotonic().saturating_sub(watch.began);
        watch.user = self.naming.as_ref().and_then(|naming| naming.user(granted.identity() as &dyn Any));
        let decision = Decision {
            found: Found::Accepted { passed_over: visit.passed_over() },
            schemes: granted.schemes(),
            realm: self.realm(granted.schemes()),
            details: granted.details(),
            user: watch.user.as_ref(),
            id: watch.id.as_deref(),
            elapsed: Some(elapsed),
        };
        self.tell(&decision, Logging::Due);
        watch.outcome = Some(Outcome::Accepted);
    }

    /// Tells of a rejection by this layer's own authenticator.
    pub(crate) fn rejected(&self, rejection: &Rejection, sent: Sent, watch: &mut Watch) {
        watch.outcome = Some(Outcome::of(rejection.kind()));
        watch.id.clone_from(&rejection.shared_id().or_else(|| watch.id.clone()));
        let elapsed = self.clock.monotonic().saturating_sub(watch.began);
        let (details, user) = (Details::new(), watch.user.as_ref());
        let (id, elapsed) = (watch.id.as_deref(), Some(elapsed));
        let case = Case { rejection, sent, details, user, id, elapsed };
        self.turned_away(case, Logging::Due, Waiting::default());
    }

    /// Tells of a rejection from inside, which had been let in here.
    pub(crate) fn rejected_inside(
        &self,
        rejection: &Rejection,
        sent: Sent,
        watch: &Watch,
        details: &Details,
        (logging, waiting): (Logging, Waiting),
    ) {
        let (details, user) = (details.clone(), watch.user.as_ref());
        let case = Case { rejection, sent, details, user, id: watch.id.as_deref(), elapsed: None };
        self.turned_away(case, logging, waiting);
    }

    pub(super) fn turned_away(&self, case: Case<'_>, logging: Logging, waiting: Waiting) {
        let Case { rejection, sent, details, user, id, elapsed } = case;
        let schemes = Schemes::to_blame(rejection);
        let schemes = schemes.as_slice();
        let details = rejection.details().or(details);
        let decision = Decision {
            found: Found::TurnedAway { rejection, sent },
            schemes,
            realm: self.realm(schemes),
            details: &details,
            user,
            id: rejection.id().or(id),
            elapsed,
        };
        waiting.settle(&Event::from(&decision), self.observer());
        self.tell(&decision, logging);
    }

    /// Tells what a trial came to, if there is one, now that the answer is ready.
    pub(crate) fn end(&self, watch: &mut Watch) {
        if let Some(trial) = watch.trial.take() {
            self.report(trial.tried(), watch);
        }
    }

    fn report(&self, tried: Option<&Tried>, watch: &Watch) {
        let outcome = watch.outcome.unwrap_or(Outcome::Unavailable);
        let report = Report { tried, outcome, id: watch.id.as_deref() };
        if let Some(observer) = &self.observer {
            observer.observe(&Event::ReportOnly(&report));
        }
        if metrics::is_on() {
            metrics::reported(&report);
        }
        if trace::is_on() {
            trace::reported(&report);
        }
    }

    fn tell(&self, decision: &Decision<'_>, logging: Logging) {
        if let Some(observer) = &self.observer {
            observer.observe(&Event::from(decision));
        }
        if metrics::is_on() {
            metrics::decided(decision);
        }
        if logging == Logging::Due && trace::is_on() {
            trace::decided(decision, || self.outage.line(self.clock.monotonic()));
        }
    }

    /// The realm of a scheme; of the only one, where no scheme is to blame.
    fn realm(&self, schemes: &[&'static str]) -> Option<&str> {
        let found = match schemes.first() {
            Some(scheme) => self.realms.iter().find(|(name, _)| name == scheme),
            None => {
                self.realms.first().filter(|(_, first)| self.realms.iter().all(|(_, realm)| realm == first))
            }
        };
        found.map(|(_, realm)| &**realm)
    }
}

/// Tells the layers further inside that a watched one is around them.
pub(crate) fn mark(extensions: &mut Extensions) {
    extensions.insert(Around);
}

impl Watch {
    /// Lets the trial go on, if there is one.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) {
        if let Some(trial) = &mut self.trial {
            trial.advance(cx);
        }
    }

    pub(crate) fn is_outermost(&self) -> bool {
        self.place == Place::Outermost
    }
}

/// Whether a layer that is watched is around.
pub(crate) fn is_around(extensions: &Extensions) -> bool {
    extensions.get::<Around>().is_some()
}

/// A copy that has logged nothing yet, for a layer that is configured further.
impl Clone for Hooks {
    fn clone(&self) -> Self {
        Self {
            observer: self.observer.clone(),
            correlation: self.correlation.clone(),
            naming: self.naming.clone(),
            clock: self.clock.clone(),
            shadow: self.shadow.clone(),
            realms: Arc::clone(&self.realms),
            #[cfg(feature = "tracing")]
            has_warned: AtomicBool::default(),
            outage: Outage::default(),
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("is_observed", &self.observer.is_some())
            .field("correlation", &self.correlation)
            .field("naming", &self.naming)
            .field("has_shadow", &self.shadow.is_some())
            .finish_non_exhaustive()
    }
}
