//! Sessions: a cookie that signs in, expires, rotates and can be revoked everywhere (feature `session`).
//!
//! Begin with [`Sessions`]. The manual's chapter on [sessions](crate::manual::sessions) is the recipe.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

mod id;
mod limits;
#[allow(clippy::module_inception)]
mod session;
mod sign_out;
mod subject;

pub use id::{SessionId, SessionKey, SessionKeyError};
pub use limits::Limits;
pub use session::{Session, SessionInfo};
pub use sign_out::SignOut;
pub use subject::Subject;

use crate::{
    Clock, ConfigurationWarning, Inspection, Observe, Reason, Rejection, Validator, Visit,
    observe::{Observers, Occurrence, Severity},
    scheme::{SessionCookie, SessionToken, SetCookie},
    store::{Lifetime, MemorySessions, SessionRecord, SessionStore, Stored, Times},
};

/// Sessions of an app's identities: creates them, and validates the cookie that stands for one. Clones share them.
///
/// A session ends when it was not used for 30 minutes, 12 hours after the sign-in, or when it is revoked; that of a user who
/// [stays signed in](Self::stay_signed_in), after 14 days or when it is revoked. The client then sees
/// 401 without an error (or, with [`respond::Redirect`](crate::respond::Redirect), the page to sign in), its cookie is expired in the same answer,
/// and the log has the [`Reason`]. A store that is down is 503, and the cookie stays.
///
/// The id in the cookie is 256 random bits; the store only gets its SHA-256, so that who reads the store can sign nobody in.
///
/// ```
/// use std::{borrow::Cow, time::Duration};
/// use tower_authn::{AuthenticateLayer, Rejection, Scheme, respond::Redirect, scheme::{SessionCookie, SetCookie}};
/// use tower_authn::validator::session::{Sessions, Subject};
///
/// #[derive(Clone)]
/// struct User {
///     name: String,
/// }
///
/// impl Subject for User {
///     fn subject(&self) -> Cow<'_, str> {
///         Cow::Borrowed(&self.name)
///     }
/// }
///
/// let cookie = SessionCookie::new("web");
/// let sessions = Sessions::<User>::in_memory(&cookie).idle_limit(Duration::from_secs(900));
/// let layer = AuthenticateLayer::new(cookie.validated_by(sessions.clone())).respond_with(Redirect::to("/login"));
///
/// /// After the password was checked.
/// async fn signed_in(sessions: &Sessions<User>, name: String) -> Result<SetCookie, Rejection> {
///     let (_id, set_cookie) = sessions.create(User { name }).await?;
///     Ok(set_cookie)
/// }
/// # let _ = (layer, signed_in(&sessions, String::new()));
/// ```
#[must_use]
pub struct Sessions<I, S = MemorySessions<I>> {
    store: Arc<S>,
    cookie: SessionCookie,
    limits: Limits,
    /// Of the sessions that are created.
    lifetime: Lifetime,
    clock: Clock,
    version: Option<VersionOf<I>>,
    observers: Arc<Observers>,
}

/// A look-up of the version of somebody's credentials.
type VersionOf<I> = Arc<dyn Fn(&I) -> VersionFuture + Send + Sync>;
type VersionFuture = Pin<Box<dyn Future<Output = Result<Option<u64>, Rejection>> + Send>>;

impl<I: Send + Sync + 'static> Sessions<I> {
    /// Keeps up to 100,000 sessions in memory; they end with the process.
    pub fn in_memory(cookie: &SessionCookie) -> Self {
        Self::new(cookie, MemorySessions::default())
    }
}

impl<I, S> Sessions<I, S> {
    /// Keeps sessions in a store, and hands them out in this cookie.
    pub fn new(cookie: &SessionCookie, store: S) -> Self
    where
        S: SessionStore<I>,
    {
        Self {
            store: Arc::new(store),
            cookie: cookie.clone(),
            limits: Limits::default(),
            lifetime: Lifetime::Ordinary,
            clock: Clock::default(),
            version: None,
            observers: Arc::new(Observers::standard()),
        }
    }

    /// Sets how long an [ordinary](Lifetime::Ordinary) session may go unused; 30 minutes by default. Since a use is not
    /// written down each time, it may end earlier by up to [`touch_every`](Self::touch_every).
    pub fn idle_limit(mut self, idle: Duration) -> Self {
        self.limits.idle = idle;
        self
    }

    /// Sets how long an [ordinary](Lifetime::Ordinary) session lives at most, however much it is used; 12 hours by default. That of a
    /// user who [stays signed in](Self::stay_signed_in) lives for as long as [`stay_signed_in_for`](Self::stay_signed_in_for) says.
    pub fn absolute_limit(mut self, absolute: Duration) -> Self {
        self.limits.absolute = absolute;
        self
    }

    /// Sets how long a session lives whose user [stays signed in](Self::stay_signed_in), used or not, and how long the browser keeps
    /// its cookie (`Max-Age`); 14 days by default. Browsers keep none for more than 400 days.
    ///
    /// The idle and the absolute limit are for the other sessions. Shorter times go for sessions that exist.
    pub fn stay_signed_in_for(mut self, stay: Duration) -> Self {
        self.limits.stay = stay;
        self
    }

    /// Returns the same sessions, where who signs in stays signed in: [`create`](Self::create) and
    /// [`create_in_place_of`](Self::create_in_place_of) begin a session of [`Lifetime::StaySignedIn`], whose cookie the browser keeps
    /// when it is closed. For the box "Stay signed in" in the form. A rotation leaves each session as it is. In memory, sessions end
    /// with the process all the same.
    ///
    /// # Security
    ///
    /// Whoever uses the same browser next is signed in, for as long as
    /// [`stay_signed_in_for`](Self::stay_signed_in_for) says. Ask for the password again before what matters, if
    /// [`Session::created_at`] is long ago.
    ///
    /// ```
    /// use tower_authn::{Rejection, scheme::SetCookie, validator::session::Sessions};
    ///
    /// struct Form {
    ///     stay: bool, // the box
    /// }
    ///
    /// async fn signed_in(sessions: Sessions<String>, name: String, form: Form) -> Result<SetCookie, Rejection> {
    ///     let sessions = if form.stay { sessions.stay_signed_in() } else { sessions };
    ///     let (_id, set_cookie) = sessions.create(name).await?;
    ///     Ok(set_cookie)
    /// }
    /// # let _ = signed_in;
    /// ```
    pub fn stay_signed_in(&self) -> Self {
        Self { lifetime: Lifetime::StaySignedIn, ..self.clone() }
    }

    /// Sets after which time a use is written down again; a minute by default, and never more than a tenth of the idle limit.
    pub fn touch_every(mut self, touch: Duration) -> Self {
        self.limits.touch = touch;
        self
    }

    /// Sets how long the old id stays usable after [`rotate`](Self::rotate), with the old identity, for requests that are under way
    /// and answers that get lost; 10 seconds by default.
    pub fn rotation_grace(mut self, grace: Duration) -> Self {
        self.limits.grace = grace;
        self
    }

    /// Sets how long the store remembers why a session ended, for the log; 10 minutes by default.
    pub fn remember_ended(mut self, remember: Duration) -> Self {
        self.limits.remember = remember;
        self
    }

    /// Binds each session to the version of the credentials it was created with, such as the time of the last change of the password:
    /// when the version is another, or there is none, the session ends. Asked with every request.
    ///
    /// Sessions that have no version yet, since they are older than the binding, end as well, and for good: try it out by
    /// [`report_only`](crate::AuthenticateLayer::report_only), which ends none.
    ///
    /// ```
    /// use tower_authn::{scheme::SessionCookie, validator::session::Sessions};
    ///
    /// let sessions = Sessions::<String>::in_memory(&SessionCookie::new("web")).bound_to(|user| {
    ///     let user = user.clone();
    ///     async move { Ok((user == "alice").then_some(1)) } // ask the database
    /// });
    /// # let _ = sessions;
    /// ```
    pub fn bound_to<F, Fut>(self, version: F) -> Self
    where
        F: Fn(&I) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<u64>, Rejection>> + Send + 'static,
    {
        let version = move |identity: &I| Box::pin(version(identity)) as VersionFuture;
        Self { version: Some(Arc::new(version)), ..self }
    }

    /// Sets how many live sessions one subject may have, at least one; 100 by default. One more ends the oldest. A rotation is none more.
    pub fn at_most_per_subject(mut self, sessions: usize) -> Self {
        self.limits.per_subject = sessions.max(1);
        self
    }

    /// Tells an observer of sessions that begin and end, beside those it has.
    ///
    /// ```
    /// use tower_authn::{observe::Event, scheme::SessionCookie, validator::session::Sessions};
    ///
    /// let sessions = Sessions::<String>::in_memory(&SessionCookie::new("web"))
    ///     .observed_by(|event: &Event<'_>| eprintln!("audit: {event}"));
    /// # let _ = sessions;
    /// ```
    pub fn observed_by(self, observer: impl Observe) -> Self {
        let observers = Arc::new(self.observers.with(observer));
        Self { observers, ..self }
    }

    /// Sets the clock, for tests. A store in memory forgets by [its own](MemorySessions::clock).
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        &self.store
    }

    fn now(&self) -> Limits {
        let Limits { touch, idle, .. } = self.limits;
        Limits { now: self.clock.now(), touch: touch.min(idle / 10), ..self.limits }
    }
}

impl<I, S> Sessions<I, S>
where
    I: Subject + Send + Sync + 'static,
    S: SessionStore<I>,
{
    /// Begins a session. Where the browser may hold one already, [`create_in_place_of`](Self::create_in_place_of) it.
    ///
    /// # Errors
    ///
    /// The store is down or full: 503.
    pub async fn create(&self, identity: I) -> Result<(SessionId, SetCookie), Rejection> {
        let limits = self.now();
        let times = Times { created: limits.now, seen: limits.now, lifetime: self.lifetime };
        let record = self.record(identity, times).await?;
        let id = SessionId::random()?;
        let Some(ended) = self.store.create(id.key(), record, limits).await? else {
            // By chance it does not happen: somebody chooses the numbers.
            return Err(Rejection::misconfigured(
                "a new session's id was taken already: the randomness is broken",
            ));
        };
        self.tell_ended(&ended, Reason::Revoked);
        self.handed_out(id, times, limits)
    }

    /// Begins a session at a sign-in, and ends the one that the browser held before: an id from before the sign-in never works
    /// after it.
    ///
    /// # Errors
    ///
    /// The store is down or full: 503. The one before may have ended then.
    pub async fn create_in_place_of(
        &self,
        before: &SessionKey,
        identity: I,
    ) -> Result<(SessionId, SetCookie), Rejection> {
        self.end(before, Reason::Replaced).await?;
        self.create(identity).await
    }

    /// Gives a session a new id and identity, for example when its user gains a right. The time of the sign-in stays, and so does the
    /// absolute limit; who [stays signed in](Self::stay_signed_in) does so for the rest of the time. The version of the credentials
    /// stays too: who has just changed the password wants [`create_in_place_of`](Self::create_in_place_of), not to be signed out.
    ///
    /// # Errors
    ///
    /// The session ended or was rotated meanwhile: 401. The store is down: 503.
    pub async fn rotate(
        &self,
        session: &Session<I>,
        identity: I,
    ) -> Result<(SessionId, SetCookie), Rejection> {
        let limits = self.now();
        let times = Times { seen: limits.now, ..session.record().times };
        // What was changed since the request came in is not to be outlived by a session from before.
        let record = recorded(identity, times, session.record().version);
        let id = SessionId::random()?;
        let Some(ended) = self.store.replace(session.key(), id.key(), record, limits).await? else {
            return Err(Rejection::missing().with_reason(Reason::Replaced));
        };
        self.tell_ended(&[*session.key()], Reason::Replaced);
        self.tell_ended(&ended, Reason::Revoked);
        self.handed_out(id, times, limits)
    }

    /// Ends a session; `false` if it was not live. Of a session that was just rotated, both ids end.
    ///
    /// # Security
    ///
    /// It does not ask whose session it is. A key that a client names is to be looked for in the user's own [`list`](Self::list) first.
    ///
    /// # Errors
    ///
    /// The store is down: 503.
    pub async fn revoke(&self, key: &SessionKey) -> Result<bool, Rejection> {
        self.end(key, Reason::Revoked).await
    }

    /// Ends a session at its user's wish. The answer takes the cookie, and what the browser keeps of the site, away.
    ///
    /// # Errors
    ///
    /// The store is down: 503, and the user may still be signed in.
    pub async fn sign_out(&self, key: &SessionKey) -> Result<SignOut, Rejection> {
        self.revoke(key).await?;
        Ok(SignOut::new(self.cookie.remove()))
    }

    /// Ends all sessions of somebody, in every process that shares the store, from the next request on. Returns how many.
    ///
    /// # Errors
    ///
    /// The store is down: 503.
    pub async fn revoke_all(&self, whose: &(impl Subject + ?Sized)) -> Result<usize, Rejection> {
        let ended = self.store.end_all(&whose.subject(), self.now()).await?;
        self.tell_ended(&ended, Reason::Revoked);
        Ok(ended.len())
    }

    /// Returns the live sessions of somebody, the latest sign-in first.
    ///
    /// # Errors
    ///
    /// The store is down: 503.
    pub async fn list(&self, whose: &(impl Subject + ?Sized)) -> Result<Vec<SessionInfo>, Rejection> {
        let mut sessions = self.store.list(&whose.subject(), self.now()).await?;
        sessions.sort_by_key(|session| std::cmp::Reverse((session.times.created, session.key)));
        Ok(sessions)
    }

    async fn record(&self, identity: I, times: Times) -> Result<SessionRecord<I>, Rejection> {
        let version = match &self.version {
            Some(version) => version(&identity).await?,
            None => None,
        };
        Ok(recorded(identity, times, version))
    }

    fn handed_out(
        &self,
        id: SessionId,
        times: Times,
        limits: Limits,
    ) -> Result<(SessionId, SetCookie), Rejection> {
        let token = id.expose();
        let set_cookie = match times.lifetime {
            Lifetime::Ordinary => self.cookie.set(&token),
            Lifetime::StaySignedIn => self.cookie.set_for(limits.lives_for(times), &token),
        }?;
        let key = id.key();
        let text = format!("session {key} begun");
        let begun = Occurrence::new("session_begun", Severity::Debug, &text);
        self.observers.tell_of(&begun.with(&[("session", &key)]));
        Ok((id, set_cookie))
    }
}

fn recorded<I: Subject>(identity: I, times: Times, version: Option<u64>) -> SessionRecord<I> {
    let subject = Arc::from(&*identity.subject());
    SessionRecord { identity: Arc::new(identity), subject, times, version }
}

impl<I: Send + Sync + 'static, S: SessionStore<I>> Sessions<I, S> {
    async fn end(&self, key: &SessionKey, reason: Reason) -> Result<bool, Rejection> {
        let ended = self.store.end(key, reason, self.now()).await?;
        self.tell_ended(&ended, reason);
        Ok(!ended.is_empty())
    }
}

impl<I, S> Sessions<I, S> {
    fn tell_ended(&self, keys: &[SessionKey], reason: Reason) {
        for key in keys {
            let text = format!("session {key} ended: {reason}");
            let ended = Occurrence::new("session_ended", Severity::Debug, &text);
            self.observers.tell_of(&ended.with(&[("session", key), ("reason", &reason)]));
        }
    }
}

impl<I, S> Validator<SessionToken> for Sessions<I, S>
where
    I: Send + Sync + 'static,
    S: SessionStore<I>,
{
    type Identity = Session<I>;

    async fn validate(
        &self,
        token: SessionToken,
        visit: &mut Visit,
    ) -> Result<Option<Session<I>>, Rejection> {
        let Some(key) = SessionKey::of_id(token.expose()) else {
            return Err(token.ended(Reason::Malformed));
        };
        let mut limits = self.now();
        if visit.is_trial() {
            limits.touch = Duration::MAX; // no use is written down
        }
        let record = match self.store.load(&key, limits).await? {
            None => return Err(token.ended(Reason::Unknown)),
            Some(Stored::Ended(reason)) => return Err(token.ended(reason)),
            Some(Stored::Unreadable) => return Err(token.ended(Reason::Unreadable)),
            Some(Stored::Live(record)) => record,
        };
        if let Some(reason) = limits.ended(record.times) {
            return Err(token.ended(reason));
        }
        if let Some(version) = &self.version {
            let version = version(&record.identity).await?;
            if version.is_none() || version != record.version {
                if !visit.is_trial() {
                    // Boxed: it is rare, and every request would carry it.
                    Box::pin(self.end(&key, Reason::CredentialsChanged)).await?;
                }
                return Err(token.ended(Reason::CredentialsChanged));
            }
        }
        Ok(Some(Session::new(key, record)))
    }

    fn inspect(&self, inspection: &mut Inspection) {
        let Limits { idle, absolute, .. } = self.limits;
        if idle >= absolute {
            inspection.warn(ConfigurationWarning::SessionWithoutIdleLimit { idle, absolute });
        }
        self.store.inspect(inspection);
    }
}

impl<I, S> Clone for Sessions<I, S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            cookie: self.cookie.clone(),
            limits: self.limits,
            lifetime: self.lifetime,
            clock: self.clock.clone(),
            version: self.version.clone(),
            observers: Arc::clone(&self.observers),
        }
    }
}

impl<I, S> fmt::Debug for Sessions<I, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("cookie", &self.cookie)
            .field("limits", &self.limits)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
