//! What a layer tells its observers, and what it keeps of a request for that.

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

use http::{Extensions, Response, request::Parts};

use super::{
    Correlation, Event, Observe, Observers, Outcome, correlation,
    decision::{Decision, Found},
    report::Report,
    scope::{Scope, Told},
    second_opinion::{Opinion, SecondOpinion},
    user::{Naming, User},
};
use crate::{Asked, Authenticator, Clock, Details, Granted, Rejection, Visit, draw::Sent, granted::Schemes};

/// Who observes a layer, and how requests are named to them; shared by the layer's clones.
#[derive(Default)]
pub(crate) struct Observation {
    observers: Observers,
    pub(crate) correlation: Option<Correlation>,
    pub(crate) naming: Option<Naming>,
    pub(crate) clock: Clock,
    pub(crate) second_opinion: Option<Arc<dyn SecondOpinion>>,
    realms: Arc<[(&'static str, Box<str>)]>,
    has_warned: AtomicBool,
}

/// What is kept of one request that somebody observes.
pub(crate) struct ObservedRequest {
    began: Duration,
    id: Option<Arc<str>>,
    user: Option<User>,
    outcome: Option<Outcome>,
    second_opinion: Option<Opinion>,
    scope: Scope,
    /// Whether no observed layer is around this one.
    is_outermost: bool,
}

impl Observation {
    pub(crate) fn of(authenticator: &impl Authenticator) -> Self {
        let mut realms = Vec::new();
        authenticator.each_part(&mut |part| {
            realms.extend(part.realm().map(|realm| (part.scheme(), Box::from(realm))));
        });
        Self { observers: Observers::standard(), realms: realms.into(), ..Self::default() }
    }

    pub(crate) fn observe(&mut self, observer: impl Observe) {
        self.observers = self.observers.with(observer);
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// Whether this is the first time; axum wraps a service for each route.
    pub(crate) fn warns_now(&self) -> bool {
        !self.has_warned.swap(true, Relaxed)
    }

    /// Begins to observe a request, if anybody would be told, or its answer shows an id.
    pub(crate) fn begin(&self, head: &Parts, asked: &Asked) -> Option<Box<ObservedRequest>> {
        let is_told = self.observers.are_listening();
        (is_told || self.correlation.is_some()).then(|| Box::new(self.observed(head, asked, is_told)))
    }

    #[cold]
    fn observed(&self, head: &Parts, asked: &Asked, is_told: bool) -> ObservedRequest {
        let (scope, is_outermost) = Scope::of(&head.extensions);
        let second_opinion = self.second_opinion.as_ref().filter(|_| is_told);
        ObservedRequest {
            began: self.clock.monotonic(),
            id: self.correlation.as_ref().and_then(|correlation| correlation.given(&head.headers)),
            user: None,
            outcome: None,
            second_opinion: second_opinion.map(|second_opinion| second_opinion.begin(head, asked)),
            scope,
            is_outermost,
        }
    }

    /// Gives a rejection its id, unless it has one.
    pub(crate) fn identify(&self, rejection: &mut Rejection, request: Option<&ObservedRequest>) {
        if self.correlation.is_some() {
            let given = request.and_then(|request| request.id.clone());
            rejection.identify(|| given.unwrap_or_else(correlation::made));
        }
    }

    pub(crate) fn accepted<I: 'static>(
        &self,
        granted: &Granted<I>,
        visit: &Visit,
        request: &mut ObservedRequest,
    ) {
        request.user = self.naming.as_ref().and_then(|naming| naming.user(granted.identity() as &dyn Any));
        request.outcome = Some(Outcome::Accepted);
        let now = self.clock.monotonic();
        let decision = Decision {
            found: Found::Accepted { passed_over: visit.passed_over() },
            schemes: granted.schemes(),
            realm: self.realm(granted.schemes()),
            details: granted.details(),
            user: request.user.as_ref(),
            id: request.id.as_deref(),
            elapsed: Some(now.saturating_sub(request.began)),
            at: now,
        };
        self.observers.tell(&Event::from(&decision));
    }

    /// Tells of a rejection by this layer's own authenticator.
    pub(crate) fn refused(&self, rejection: &Rejection, sent: Sent, request: &mut ObservedRequest) {
        request.outcome = Some(Outcome::of(rejection.kind()));
        request.id = rejection.shared_id().or(request.id.take());
        let schemes = Schemes::to_blame(rejection);
        let now = self.clock.monotonic();
        let decision = Decision {
            found: Found::TurnedAway { rejection, sent },
            schemes: schemes.as_slice(),
            realm: self.realm(schemes.as_slice()),
            details: &rejection.details(),
            user: None,
            id: request.id.as_deref(),
            elapsed: Some(now.saturating_sub(request.began)),
            at: now,
        };
        self.observers.tell(&Event::from(&decision));
    }

    /// Hears of a rejection from inside, of a request that was accepted here; the outermost observed layer tells of it.
    pub(crate) fn hear(&self, rejection: &Rejection, details: &Details, request: &ObservedRequest) {
        request.scope.hear(rejection, details, request.user.as_ref(), &self.observers);
    }

    /// Tells what was heard, if it is final, or if nobody further out will.
    pub(crate) fn tell_heard<B>(
        &self,
        response: &mut Response<B>,
        is_final: bool,
        request: &ObservedRequest,
    ) {
        if !is_final && !request.is_outermost {
            return;
        }
        let Some(mut heard) = request.scope.take() else { return };
        let Some(rejection) = heard.rejection else { return };
        heard.observers.join(&self.observers); // a middleware in between may have lost what this layer would have heard
        let schemes = Schemes::to_blame(&rejection);
        let decision = Decision {
            found: Found::TurnedAway { rejection: &rejection, sent: Sent::in_response(response) },
            schemes: schemes.as_slice(),
            realm: self.realm(schemes.as_slice()),
            details: &rejection.details().or(heard.details),
            user: heard.user.as_ref(),
            id: rejection.id().or(request.id.as_deref()),
            elapsed: None,
            at: self.clock.monotonic(),
        };
        let mut told = response.extensions_mut().remove::<Told>().unwrap_or_default();
        heard.observers.tell_others(&Event::from(&decision), &told.0);
        if !is_final {
            told.0.extend(heard.observers.keys());
            response.extensions_mut().insert(told);
        }
    }

    /// Reports what a second authenticator came to, if there is one, now that the answer is ready.
    pub(crate) fn end(&self, request: &mut ObservedRequest) {
        if let Some(opinion) = request.second_opinion.take() {
            let outcome = request.outcome.unwrap_or(Outcome::Unavailable);
            let report = Report { conclusion: opinion.conclusion(), outcome, id: request.id.as_deref() };
            self.observers.tell(&Event::ReportOnly(&report));
        }
    }

    /// The realm of a scheme; of the only one, if no scheme is to blame.
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

impl ObservedRequest {
    /// Lets layers further inside find the scope.
    pub(crate) fn enter(&self, extensions: &mut Extensions) {
        if self.is_outermost {
            extensions.insert(self.scope.clone());
        }
    }

    /// Lets the second authenticator go on, if there is one.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) {
        if let Some(opinion) = &mut self.second_opinion {
            opinion.advance(cx);
        }
    }
}

/// A copy that has warned of nothing yet, for a layer that is configured further.
impl Clone for Observation {
    fn clone(&self) -> Self {
        Self {
            observers: self.observers.clone(),
            correlation: self.correlation.clone(),
            naming: self.naming.clone(),
            clock: self.clock.clone(),
            second_opinion: self.second_opinion.clone(),
            realms: Arc::clone(&self.realms),
            has_warned: AtomicBool::default(),
        }
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
            .field("observers", &self.observers.keys().count())
            .field("correlation", &self.correlation)
            .field("naming", &self.naming)
            .field("has_second_opinion", &self.second_opinion.is_some())
            .finish_non_exhaustive()
    }
}
