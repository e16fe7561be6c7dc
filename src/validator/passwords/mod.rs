//! Passwords that people choose: slow hashes that cannot hurt the server (feature `passwords`).

use std::{any::type_name, fmt, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use super::Validator;
use crate::{
    Clock, Inspection, Reason, Rejection, RejectionKind, Visit,
    scheme::{Password, UserPassword},
    timer,
    visit::Purpose,
};

mod cache;
mod hash;
mod hasher;
mod htpasswd;
mod look_up;
mod map;
mod stored;

pub use cache::Remember;
pub use hash::{HashError, PasswordHash};
pub use hasher::{Hasher, HasherStats};
pub use htpasswd::{Htpasswd, HtpasswdError, HtpasswdFile, LineProblem};
pub use look_up::LookUp;
pub use map::{PasswordMap, PasswordMapError};
pub use stored::Stored;

use cache::{Turn, Verified};
use hash::{Scratch, TODAY, refuse_unusable};

/// Validates user names and passwords against stored hashes: of a map, an htpasswd file, or any async look-up.
///
/// It is a validator for [`Basic`](crate::scheme::Basic), and needs no HTTP: a sign-in form calls
/// [`validate`](Validator::validate) with a [`UserPassword`].
///
/// Hashes are computed on blocking threads, so many at a time as the [`Hasher`] allows; beyond that the client sees 503 and
/// `Retry-After: 1`. Unknown, disabled and locked users and wrong passwords are all answered the same way (401), after
/// the same number of hashes: an unknown user is given a hash with the commonest parameters of the store, today's if they
/// are not known. Without a tokio runtime that has timers, the client sees 500.
///
/// # Security
///
/// If the hashes in a store differ in kind or cost, a user whose hash is of an uncommon cost takes longer, or shorter,
/// than an unknown user, and can be told from one by a stop-watch. Let [`upgraded_by`](Self::upgraded_by) make them alike.
///
/// A password over 1,024 bytes, or with a NUL in it, is refused without a hash, whoever the user is. Whatever else was
/// sent is hashed as it is, without normalisation.
///
/// ```
/// use tower_authn::{Scheme, scheme::Basic, validator::passwords::Passwords};
///
/// let hash = Passwords::hash("correct horse battery")?; // what the database keeps
/// let passwords = Passwords::from_hashes([("alice", hash.as_str(), "Alice")])?;
/// let files = Basic::new("files").validated_by(passwords);
/// # let _ = files;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A database:
///
/// ```
/// use tower_authn::{Rejection, Validator, scheme::UserPassword};
/// use tower_authn::validator::passwords::{PasswordHash, Passwords, Stored};
///
/// async fn row(user: &str) -> Result<Option<(u64, String)>, std::io::Error> {
///     Ok(None) // SELECT id, hash FROM users WHERE name = $1
/// }
///
/// let passwords = Passwords::new(async |user: String| {
///     let Some((id, hash)) = row(&user).await? else { return Ok(None) };
///     Ok::<_, Rejection>(Some(Stored::new(hash.parse::<PasswordHash>()?, id)))
/// });
/// # fn form<L: tower_authn::validator::passwords::LookUp>(passwords: &Passwords<L>) {
/// let form = passwords.check(UserPassword::new("alice", "correct horse battery"));
/// # drop(form);
/// # }
/// ```
#[must_use]
pub struct Passwords<L> {
    look_up: Arc<L>,
    hasher: Hasher,
    unknown: Option<Arc<PasswordHash>>,
    timeout: Duration,
    verified: Option<Arc<Verified>>,
    upgrade: Option<Arc<Upgrade>>,
}

type Upgrade = dyn Fn(String, PasswordHash) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

impl Passwords<HtpasswdFile> {
    /// Hashes a password with today's parameters: argon2id with 19 MiB, 2 passes and 1 lane.
    ///
    /// It takes some 20 ms, and blocks the thread; in a server use [`Hasher::hash`].
    ///
    /// # Errors
    ///
    /// A password that is longer than 1,024 bytes or has a NUL in it; no randomness.
    pub fn hash(password: &str) -> Result<PasswordHash, HashError> {
        PasswordHash::new(password, &mut Scratch::default())
    }

    /// Reads an Apache password file, and reads it again whenever it changes; see [`Htpasswd`].
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is not a regular file, or is larger than 64 MiB; all its lines
    /// that cannot be used, at once.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, HtpasswdError> {
        Htpasswd::new(path).open().map(Self::new)
    }
}

impl<L: LookUp> Passwords<L> {
    /// Makes a validator of a look-up, with a [`Hasher`] of its own.
    pub fn new(look_up: L) -> Self {
        Self {
            look_up: Arc::new(look_up),
            hasher: Hasher::default(),
            unknown: None,
            timeout: Duration::from_secs(5),
            verified: None,
            upgrade: None,
        }
    }

    /// Sets where hashes are computed; share one among all validators of a process.
    pub fn hashed_by(self, hasher: Hasher) -> Self {
        Self { hasher, ..self }
    }

    /// Gives unknown users a hash that costs as much as this one: what most of the users in a database have. A map and a
    /// file know it by themselves.
    pub fn unknown_like(self, hash: PasswordHash) -> Self {
        Self { unknown: Some(Arc::new(hash)), ..self }
    }

    /// Sets how long a look-up may take, by default 5 seconds; then the client sees 503.
    pub fn look_up_within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Remembers passwords that were verified, so that the next request with the same ones needs no hash; and computes one
    /// hash for equal sign-ins that come at the same time.
    ///
    /// The look-up is still asked each time: a user that is gone, disabled, or has a new hash is refused from the next
    /// request on. Only successes are remembered, by a digest of user, password and stored hash with a key that
    /// lives as long as the process.
    ///
    /// # Errors
    ///
    /// The operating system gave no randomness for the key.
    pub fn cached(self, remember: Remember) -> Result<Self, HashError> {
        self.cached_by(remember, Clock::default())
    }

    /// Does what [`cached`](Self::cached) does, by a clock that tests wind by hand.
    ///
    /// # Errors
    ///
    /// The operating system gave no randomness for the key.
    pub fn cached_by(self, remember: Remember, clock: Clock) -> Result<Self, HashError> {
        let verified = Verified::new(remember, clock).map_err(|_| HashError::NoRandomness)?;
        Ok(Self { verified: Some(Arc::new(verified)), ..self })
    }

    /// Makes a new hash, with today's parameters, after each sign-in of a user whose stored hash
    /// [is outdated](PasswordHash::is_outdated), and gives user and hash to a function that stores it.
    ///
    /// The client does not wait for that. It is left for the next sign-in when all permits are taken, or when this one is only
    /// [tried out](crate::AuthenticateLayer::report_only) or [explained](crate::AuthenticateLayer::explain).
    pub fn upgraded_by<F, Fut>(self, store: F) -> Self
    where
        F: Fn(String, PasswordHash) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self { upgrade: Some(Arc::new(move |user, hash| Box::pin(store(user, hash)))), ..self }
    }

    /// Forgets what was [remembered](Self::cached) of a user.
    pub fn forget(&self, user: &str) {
        if let Some(verified) = &self.verified {
            verified.forget(user);
        }
    }

    /// Returns how many verified passwords are [remembered](Self::cached).
    pub fn remembered(&self) -> usize {
        self.verified.as_ref().map_or(0, |verified| verified.len())
    }

    /// Returns where hashes are computed.
    pub const fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// Returns the look-up.
    pub fn look_up(&self) -> &L {
        &self.look_up
    }

    /// Checks the user name and password of a sign-in form, where no layer is around: as a layer would, and it counts.
    ///
    /// # Errors
    ///
    /// A wrong password and a user that must not sign in are [`RejectionKind::Invalid`]; an outage is 503.
    pub async fn check(&self, form: UserPassword) -> Result<Option<L::Identity>, Rejection> {
        self.validate(form, &mut Visit::outside()).await
    }

    async fn find(&self, user: &str) -> Result<Option<Stored<L::Identity>>, Rejection> {
        match timer::timeout(self.timeout, self.look_up.hash_of(user))?.await {
            Ok(found) => found,
            Err(elapsed) => Err(Rejection::unavailable().with_reason(Reason::TimedOut).because(elapsed)),
        }
    }

    /// A hash that nobody's password has, and that costs what most users' do.
    fn decoy(&self) -> Arc<PasswordHash> {
        let like = self.unknown.clone().or_else(|| self.look_up.commonest());
        Arc::new(PasswordHash::decoy(like.map_or(TODAY, |hash| hash.params())))
    }

    /// Whether a password has this hash; `remember`: a success may be remembered, and found.
    async fn fits(
        &self,
        user: &str,
        password: &Password,
        hash: &Arc<PasswordHash>,
        remember: Remembering,
        purpose: Purpose,
    ) -> Result<bool, Rejection> {
        let Some(verified) = &self.verified else {
            return self.compute(password, hash, purpose, |_| ()).await;
        };
        let key = verified.key(user, password.expose(), hash);
        if remember == Remembering::Yes && verified.knows(&key) {
            return Ok(true);
        }
        loop {
            match verified.turn(key, user) {
                Turn::Compute(flight) if purpose == Purpose::Trial => {
                    // No sign-in is to wait for it.
                    drop(flight);
                    return self.compute(password, hash, purpose, |_| ()).await;
                }
                Turn::Compute(flight) => {
                    let land = move |fits| flight.land(fits, remember);
                    return self.compute(password, hash, purpose, land).await;
                }
                Turn::Wait(mut flight) => {
                    // Closed without a result: whoever came first went away, or was turned away.
                    if let Ok(result) = flight.wait_for(Option::is_some).await {
                        return Ok(*result == Some(true));
                    }
                }
            }
        }
    }

    async fn compute(
        &self,
        password: &Password,
        hash: &Arc<PasswordHash>,
        purpose: Purpose,
        done: impl FnOnce(bool) + Send + 'static,
    ) -> Result<bool, Rejection> {
        let permit = self.hasher.permit(purpose).await?;
        let (password, hash, work) = (password.clone(), Arc::clone(hash), hash.params().work());
        let compute = move |scratch: &mut Scratch| {
            let fits = hash.fits(password.expose(), scratch);
            done(fits);
            fits
        };
        self.hasher.run(permit, work, compute).await
    }

    async fn decide(
        &self,
        user: Box<str>,
        password: Password,
        stored: Stored<L::Identity>,
        purpose: Purpose,
    ) -> Result<Option<L::Identity>, Rejection> {
        let remember = if stored.refused.is_none() { Remembering::Yes } else { Remembering::No };
        if !self.fits(&user, &password, &stored.hash, remember, purpose).await? {
            return Err(Rejection::invalid().with_reason(Reason::WrongPassword));
        }
        if let Some(reason) = stored.refused {
            return Err(Rejection::invalid().with_reason(reason));
        }
        if purpose == Purpose::Real {
            self.upgrade(user, password, &stored.hash);
        }
        Ok(Some(stored.identity))
    }

    fn upgrade(&self, user: Box<str>, password: Password, hash: &PasswordHash) {
        let (Some(store), true) = (&self.upgrade, hash.is_outdated()) else { return };
        let Some(permit) = self.hasher.permit_at_once() else { return };
        let (store, hasher) = (Arc::clone(store), self.hasher.clone());
        let Ok(runtime) = timer::runtime() else { return };
        runtime.spawn(async move {
            let compute = move |scratch: &mut Scratch| PasswordHash::new(password.expose(), scratch);
            if let Ok(Ok(hash)) = hasher.run(permit, TODAY.work(), compute).await {
                store(user.into(), hash).await;
            }
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Remembering {
    Yes,
    No,
}

impl<L: LookUp> Validator<UserPassword> for Passwords<L> {
    type Identity = L::Identity;

    async fn validate(
        &self,
        credentials: UserPassword,
        visit: &mut Visit,
    ) -> Result<Option<L::Identity>, Rejection> {
        let (user, password) = credentials.into_parts();
        if let Err(error) = refuse_unusable(password.expose()) {
            let reason = match error {
                HashError::PasswordTooLong => Reason::TooLong,
                _ => Reason::Malformed,
            };
            return Err(Rejection::invalid().with_reason(reason).because(error));
        }
        let refused = match self.find(&user).await {
            Ok(Some(stored)) => return self.decide(user, password, stored, visit.purpose()).await,
            Ok(None) => Ok(None),
            // A look-up that refuses by itself must not be quicker than a hash either.
            Err(rejection) if rejection.kind() == RejectionKind::Invalid => Err(rejection),
            Err(rejection) => return Err(rejection),
        };
        self.fits(&user, &password, &self.decoy(), Remembering::No, visit.purpose()).await?;
        refused
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.hasher.inspect(inspection);
        if let Some(verified) = &self.verified {
            verified.inspect(inspection);
        }
    }
}

impl<L> Clone for Passwords<L> {
    fn clone(&self) -> Self {
        Self {
            look_up: Arc::clone(&self.look_up),
            hasher: self.hasher.clone(),
            unknown: self.unknown.clone(),
            timeout: self.timeout,
            verified: self.verified.clone(),
            upgrade: self.upgrade.clone(),
        }
    }
}

/// Shows no user.
impl<L> fmt::Debug for Passwords<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("look_up", &type_name::<L>())
            .field("hasher", &self.hasher)
            .finish_non_exhaustive()
    }
}
