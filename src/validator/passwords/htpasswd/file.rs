use std::{
    collections::HashMap,
    fmt,
    fs::{File, Metadata},
    io::{self, Read as _},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, SystemTime},
};

use super::{
    super::{LookUp, PasswordHash, Stored, look_up::commonest},
    HtpasswdError,
    error::Failure,
    lines,
};
use crate::{
    Clock, Rejection,
    observe::{Observers, Occurrence, Severity},
    timer,
};

const LARGEST: u64 = 64 * 1024 * 1024;
/// A file that changed so recently may still be written to, or be changed again within the same tick of its time stamp.
const SETTLED: Duration = Duration::from_secs(1);

/// How an Apache password file is read.
///
/// The file holds `user:hash` lines in UTF-8, as `htpasswd` writes them ([what is read](PasswordHash)); comments (`#`) and
/// blank lines are passed over, and what follows a further colon. A file with one line that cannot be used is not used.
///
/// Before a look-up, once a second at most, the file's time stamp is asked for; a changed file is read as soon as it
/// is a second old. If it cannot be used, or vanishes, the users that were read last stay, and
/// [`problem`](HtpasswdFile::problem) and the log (feature `tracing`) say why.
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

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read; all its lines that cannot be used, at once.
    pub fn open(self) -> Result<HtpasswdFile, HtpasswdError> {
        let now = self.clock.monotonic();
        let (stamp, users) = self.read()?;
        let used = stamp.has_settled(self.clock.now()).then_some(stamp);
        let state = State { users: Arc::new(users), checked: now, seen: Some(stamp), used, problem: None };
        let file = Shared { options: self, state: RwLock::new(state) };
        Ok(HtpasswdFile { shared: Arc::new(file), checking: tokio::sync::Mutex::default() })
    }

    fn read(&self) -> Result<(Stamp, Users), HtpasswdError> {
        let failed = |failure| HtpasswdError { path: self.path.clone(), failure };
        let unread = |error: io::Error| failed(Failure::Read(Arc::new(error)));
        let file = File::open(&self.path).map_err(unread)?;
        let stamp = Stamp::of(&file.metadata().map_err(unread)?).map_err(unread)?;
        let mut bytes = Vec::new();
        (&file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
        if bytes.len() as u64 > LARGEST {
            return Err(failed(Failure::TooLarge));
        }
        let by_name = lines::read(&bytes, self.parse).map_err(|problems| failed(Failure::Lines(problems)))?;
        let commonest = commonest(by_name.values());
        Ok((stamp, Users { by_name, commonest }))
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
    /// Held while the file is looked at: who comes then waits, lest it be told what no longer holds.
    checking: tokio::sync::Mutex<()>,
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

    async fn users(&self) -> Result<Arc<Users>, Rejection> {
        if let Some(users) = self.shared.fresh() {
            return Ok(users);
        }
        let _checking = self.checking.lock().await;
        if let Some(users) = self.shared.fresh() {
            return Ok(users);
        }
        let shared = Arc::clone(&self.shared);
        Ok(timer::runtime()?.spawn_blocking(move || shared.check()).await?)
    }
}

impl Shared {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
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
        let seen = std::fs::metadata(path).and_then(|metadata| Stamp::of(&metadata));
        let read = match seen {
            Ok(stamp) if used == Some(stamp) => None,
            Ok(stamp) if before != Some(stamp) && !stamp.has_settled(clock.now()) => None,
            Ok(stamp) => Some(match self.options.read() {
                // It changed in between: the next check sees to it.
                Ok((read, _)) if read != stamp => return self.checked(checked, Some(read)),
                Ok((_, users)) => Ok((stamp, users)),
                Err(error) => Err((Some(stamp), error)),
            }),
            Err(ref error) => {
                let error = Arc::new(io::Error::new(error.kind(), error.to_string()));
                Some(Err((None, HtpasswdError { path: path.clone(), failure: Failure::Read(error) })))
            }
        };
        match read {
            None => {}
            Some(Ok((stamp, users))) => {
                let text = format!("users read from {}: {}", path.display(), users.by_name.len());
                let read = Occurrence::new("users_read", Severity::Debug, &text);
                Observers::standard().tell_of(&read.with(&[("path", &path.display())]));
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                (state.users, state.used, state.problem) = (Arc::new(users), Some(stamp), None);
            }
            Some(Err((stamp, error))) => {
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                if state.problem.as_ref().map(ToString::to_string) != Some(error.to_string()) {
                    let text = format!("users not read, those of before stay: {error}");
                    let not_read = Occurrence::new("users_not_read", Severity::Warning, &text);
                    Observers::standard().tell_of(&not_read.with(&[("path", &path.display())]));
                }
                // What could not be read for another reason than its content is tried again.
                state.used = stamp.filter(|_| !error.problems().is_empty());
                state.problem = Some(Arc::new(error));
            }
        }
        self.checked(checked, seen.ok())
    }

    fn checked(&self, checked: Duration, seen: Option<Stamp>) -> Arc<Users> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
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

/// By what a changed file is told from the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    len: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Ok(Self { modified: metadata.modified()?, len: metadata.len(), inode })
    }

    fn has_settled(&self, now: SystemTime) -> bool {
        now.duration_since(self.modified).is_ok_and(|age| age >= SETTLED)
    }
}
