use std::{
    collections::HashMap,
    fmt,
    io::Read as _,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use super::{
    super::{LookUp, PasswordHash, Stored, look_up::commonest},
    HtpasswdError,
    error::Failure,
    lines,
    looks::Looks,
    opened::{self, LARGEST, Stamp},
};
use crate::{
    Clock, Rejection,
    observe::{Observers, Occurrence, Severity},
};

/// How an Apache password file is read.
///
/// The file holds `user:hash` lines in UTF-8, as `htpasswd` writes them ([what is read](PasswordHash)); comments (`#`) and
/// blank lines are passed over, and what follows a further colon. A file with one line that cannot be used is not used.
///
/// Before a look-up, once a second at most, the file's time stamp is asked for; a changed file is read as soon as it
/// is a second old. If it cannot be used, or vanishes, the users that were read last stay, and
/// [`problem`](HtpasswdFile::problem) and the log (feature `tracing`) say why.
///
/// Only a regular file of 64 MiB at most is read; a FIFO, a device, a socket or a directory is an
/// error. While a look at the file hangs, as on a network mount whose server is gone, no second one
/// is started: all sign-ins wait for the same one, with one thread for all of them, and each sees
/// 503 when its [look-up takes too long](crate::validator::passwords::Passwords::look_up_within).
/// They go on when the file answers again.
///
/// ```no_run
/// use tower_authn::validator::passwords::{Htpasswd, Passwords};
///
/// let file = Htpasswd::new("/etc/apache2/users").allow_unsalted().open()?; // reads {SHA} too
/// let passwords = Passwords::new(file);
/// # let _ = passwords;
/// # Ok::<(), tower_authn::validator::passwords::HtpasswdError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Htpasswd {
    path: PathBuf,
    parse: fn(&str) -> Result<PasswordHash, super::super::HashError>,
    every: Duration,
    clock: Clock,
}

impl Htpasswd {
    /// Names the file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), parse: str::parse, every: Duration::from_secs(1), clock: Clock::default() }
    }

    /// Reads `{SHA}` too.
    ///
    /// # Security
    ///
    /// See [`PasswordHash::parse_unsalted`].
    pub fn allow_unsalted(self) -> Self {
        Self { parse: PasswordHash::parse_unsalted, ..self }
    }

    /// Sets how often the file's time stamp is asked for at most, by default once a second.
    pub fn check_every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Sets the clock, for tests.
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Reads the file. It blocks the thread, for as long as the file takes.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is not a regular file, or is larger than 64 MiB; all its lines
    /// that cannot be used, at once.
    pub fn open(self) -> Result<HtpasswdFile, HtpasswdError> {
        let now = self.clock.monotonic();
        let (stamp, users) = self.read()?;
        let used = stamp.has_settled(self.clock.now()).then_some(stamp);
        let state = State { users: Arc::new(users), checked: now, seen: Some(stamp), used, problem: None };
        let file = Shared { options: self, state: RwLock::new(state) };
        Ok(HtpasswdFile { shared: Arc::new(file), looks: Looks::default() })
    }

    fn read(&self) -> Result<(Stamp, Users), HtpasswdError> {
        self.users().map_err(|failure| self.failed(failure))
    }

    fn users(&self) -> Result<(Stamp, Users), Failure> {
        let (file, stamp) = opened::open(&self.path)?;
        let mut bytes = Vec::new();
        // It may grow while it is read, or not know its length, as those of `/proc`.
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(Failure::TooLarge);
        }
        let by_name = lines::read(&bytes, self.parse).map_err(Failure::Lines)?;
        let commonest = commonest(by_name.values());
        Ok((stamp, Users { by_name, commonest }))
    }

    fn failed(&self, failure: Failure) -> HtpasswdError {
        HtpasswdError { path: self.path.clone(), failure }
    }
}

/// The users of an Apache password file, read again whenever it changes: what [`Htpasswd::open`] makes. The identity is
/// the user's name.
///
/// ```no_run
/// use tower_authn::validator::passwords::Passwords;
///
/// let passwords = Passwords::from_file("/etc/apache2/users")?;
/// if let Some(problem) = passwords.look_up().problem() {
///     eprintln!("still with the users of before: {problem}");
/// }
/// # Ok::<(), tower_authn::validator::passwords::HtpasswdError>(())
/// ```
pub struct HtpasswdFile {
    shared: Arc<Shared>,
    looks: Looks<Arc<Users>>,
}

struct Shared {
    options: Htpasswd,
    state: RwLock<State>,
}

struct State {
    users: Arc<Users>,
    checked: Duration,
    /// The file as it was at the last check.
    seen: Option<Stamp>,
    /// The file that is in use, or that could not be used; `None`: it has to be read again.
    used: Option<Stamp>,
    problem: Option<Arc<HtpasswdError>>,
}

struct Users {
    by_name: HashMap<Box<str>, Arc<PasswordHash>>,
    commonest: Option<Arc<PasswordHash>>,
}

impl HtpasswdFile {
    /// Returns how many users there are.
    pub fn len(&self) -> usize {
        self.shared.state().users.by_name.len()
    }

    /// Whether there are no users, so that nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns why the file, as it is now, is not used; `None` if it is.
    pub fn problem(&self) -> Option<Arc<HtpasswdError>> {
        self.shared.state().problem.clone()
    }

    /// The users, as of a look at the file that began no longer ago than [`Htpasswd::check_every`]
    /// says.
    async fn users(&self) -> Result<Arc<Users>, Rejection> {
        let Htpasswd { clock, every, .. } = &self.shared.options;
        let arrived = clock.monotonic();
        loop {
            if let Some(users) = self.shared.fresh() {
                return Ok(users);
            }
            let shared = Arc::clone(&self.shared);
            let (began, users) = self.looks.join(clock.monotonic(), move || shared.check()).await?;
            // One that hung since before may not know of a user who was removed in the meantime.
            // The next one began later.
            if arrived.saturating_sub(began) <= *every {
                return Ok(users);
            }
        }
    }
}

impl Shared {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The users, unless the file has to be looked at first.
    fn fresh(&self) -> Option<Arc<Users>> {
        let now = self.options.clock.monotonic();
        let state = self.state();
        (now.saturating_sub(state.checked) < self.options.every).then(|| Arc::clone(&state.users))
    }

    /// Looks whether the file has changed, and reads it if so.
    fn check(&self) -> Arc<Users> {
        let Htpasswd { path, clock, .. } = &self.options;
        let checked = clock.monotonic();
        let (before, used) = {
            let state = self.state();
            (state.seen, state.used)
        };
        let stamp = match Stamp::at(path) {
            Ok(stamp) => stamp,
            Err(failure) => return self.failed(checked, None, self.options.failed(failure)),
        };
        let is_unsettled = before != Some(stamp) && !stamp.has_settled(clock.now());
        if used == Some(stamp) || is_unsettled {
            return self.checked(checked, Some(stamp));
        }
        match self.options.read() {
            // It changed in between: the next check sees to it.
            Ok((read, _)) if read != stamp => self.checked(checked, Some(read)),
            Ok((_, users)) => {
                let text = format!("users read from {}: {}", path.display(), users.by_name.len());
                let read = Occurrence::new("users_read", Severity::Debug, &text);
                Observers::standard().tell_of(&read.with(&[("path", &path.display())]));
                let mut state = self.state_mut();
                (state.users, state.used, state.problem) = (Arc::new(users), Some(stamp), None);
                drop(state);
                self.checked(checked, Some(stamp))
            }
            Err(error) => self.failed(checked, Some(stamp), error),
        }
    }

    /// Keeps the users, and says why.
    fn failed(&self, checked: Duration, seen: Option<Stamp>, error: HtpasswdError) -> Arc<Users> {
        let known = self.state().problem.as_ref().map(ToString::to_string);
        if known != Some(error.to_string()) {
            let text = format!("users not read, those of before stay: {error}");
            Observers::standard().tell_of(&Occurrence::new("users_not_read", Severity::Warning, &text));
        }
        let mut state = self.state_mut();
        // What could not be read for another reason than its content is tried again.
        state.used = seen.filter(|_| !error.problems().is_empty());
        state.problem = Some(Arc::new(error));
        drop(state);
        self.checked(checked, seen)
    }

    fn checked(&self, checked: Duration, seen: Option<Stamp>) -> Arc<Users> {
        let mut state = self.state_mut();
        (state.checked, state.seen) = (checked, seen);
        Arc::clone(&state.users)
    }
}

impl LookUp for HtpasswdFile {
    type Identity = String;

    async fn hash_of(&self, user: &str) -> Result<Option<Stored<String>>, Rejection> {
        let users = self.users().await?;
        Ok(users.by_name.get(user).map(|hash| Stored::new(Arc::clone(hash), user.to_owned())))
    }

    fn commonest(&self) -> Option<Arc<PasswordHash>> {
        self.shared.state().users.commonest.clone()
    }
}

/// Shows the path and how many users there are, and none of them.
impl fmt::Debug for HtpasswdFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HtpasswdFile({}: {})", self.shared.options.path.display(), self.len())
    }
}
