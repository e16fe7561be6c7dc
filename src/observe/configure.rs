//! How a layer is told who watches it.

use std::sync::Arc;

use super::{
    Correlation, Observe,
    user::{Naming, random_key},
};
use crate::{AuthenticateLayer, Authenticator, Clock};

impl<A: Authenticator, R> AuthenticateLayer<A, R> {
    /// Tells an observer of every decision, beside those it has: the log (feature `tracing`), metrics (feature `metrics`), and the app's
    /// own. What happens beside requests is told by whoever makes it happen, to the observers that it was built with; the manual's
    /// chapter on [operating](crate::manual::operating) lists all of it.
    ///
    /// ```
    /// use tower_authn::{AuthenticateLayer, Scheme, Tokens, observe::Event, scheme::Bearer};
    ///
    /// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<u32>::new()))
    ///     .observe(|event: &Event<'_>| match event {
    ///         Event::Accepted(_) => {}
    ///         event => eprintln!("{event}"),
    ///     });
    /// # let _ = layer;
    /// ```
    pub fn observe(mut self, observer: impl Observe) -> Self {
        self.observation_mut().observe(observer);
        self
    }

    /// Lets a second authenticator decide beside the real one, and reports what it would have decided: to try a stricter
    /// policy before it counts. It works on a copy of the request's head, and changes nothing for the client; its panics are
    /// caught. A second call replaces it.
    ///
    /// It is not waited for: where it is not done when the answer is ready, it is dropped, and reported as
    /// [undecided](super::Verdict::Undecided). It runs in the request's own task, so what its validator computes without
    /// waiting is computed before the service is called, or the answer goes out. Where nobody would be told, it is not asked.
    ///
    /// Its throttles are looked at, and count neither failures nor successes, so that they can be the real one's; what no real one
    /// shares stays empty. Where the real one decides without waiting, it has counted by then: the failure that is one too many is
    /// reported as throttled. The trial ends no session, and none lives longer for it. It makes no hash anew, and takes no hash permit
    /// from a sign-in: what is tried out is hashed one at a time, and what waits too long for that is reported as
    /// [overloaded](crate::Reason::Overloaded). Tokens that were verified are remembered, which changes no answer.
    ///
    /// A validator of the app's own is asked as ever, and so are its look-ups: give the trial such as only read.
    ///
    /// ```
    /// use tower_authn::{AuthenticateLayer, Authenticator, Scheme, Tokens, Users, scheme::{Basic, Bearer}};
    ///
    /// let tokens = Tokens::<String>::new();
    /// let bearer = || Bearer::new("api").validated_by(tokens.clone());
    /// let layer = AuthenticateLayer::new(bearer().or(Basic::new("api").validated_by(Users::new())))
    ///     .report_only(bearer()); // who would be locked out without Basic?
    /// # let _ = layer;
    /// ```
    pub fn report_only(mut self, other: impl Authenticator) -> Self {
        self.observation_mut().second_opinion = Some(Arc::new(Arc::new(other)));
        self
    }

    /// Gives each rejection an id that the client sees, and that its line in the log has: in the problem document as
    /// `instance`, on the page and in plain text as a last line. Off by default.
    ///
    /// A rejection from inside keeps the id that it has.
    pub fn correlate(mut self, correlation: Correlation) -> Self {
        self.observation_mut().correlation = Some(correlation);
        self
    }

    /// Names the user of an accepted request in logs and events: as the first 16 hexadecimal digits of a SHA-256 under a key
    /// that lives as long as the process. Only who knows a name can look for it, and only while the process runs.
    ///
    /// ```
    /// use tower_authn::{AuthenticateLayer, Scheme, Tokens, scheme::Bearer};
    ///
    /// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<String>::new()))
    ///     .log_user(|user: &String| user.clone());
    /// # let _ = layer;
    /// ```
    pub fn log_user(self, name: impl Fn(&A::Identity) -> String + Send + Sync + 'static) -> Self {
        self.log_user_hashed_with(&random_key(), name)
    }

    /// Does what [`log_user`](Self::log_user) does under a key of one's own, so that the hashes of several processes can be
    /// compared. Keep it from whoever reads the logs.
    pub fn log_user_hashed_with(
        mut self,
        key: &[u8],
        name: impl Fn(&A::Identity) -> String + Send + Sync + 'static,
    ) -> Self {
        self.observation_mut().naming = Some(Naming::hashed(name, key));
        self
    }

    /// Names the user of an accepted request in logs and events as it is.
    ///
    /// # Security
    ///
    /// The log then holds personal data: who did what, and when.
    pub fn log_user_in_plain_text(
        mut self,
        name: impl Fn(&A::Identity) -> String + Send + Sync + 'static,
    ) -> Self {
        self.observation_mut().naming = Some(Naming::plain(name));
        self
    }

    /// Sets the clock by which decisions are timed, for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.observation_mut().clock = clock;
        self
    }
}
