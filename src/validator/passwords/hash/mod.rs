//! Stored hashes: reading them, computing them again, making new ones.

use std::{fmt, str::FromStr};

use subtle::ConstantTimeEq as _;

mod apr1;
mod crypt64;
mod error;
mod htpasswd;
mod params;
mod phc;
mod scratch;

pub use error::HashError;
pub(super) use params::{Params, TODAY};
pub(super) use scratch::Scratch;

/// The longest password that is hashed, in bytes.
///
/// The work of SHA crypt and of htpasswd's MD5 grows with it.
pub(super) const LONGEST: usize = 1024;

/// A stored hash of a password: read from text, checked against limits, and ready to be computed again.
///
/// What is read:
///
/// | kind | text | limits |
/// |---|---|---|
/// | argon2id, argon2i, argon2d | `$argon2id$v=19$m=…,t=…,p=…$salt$hash` | 256 MiB, memory × passes ≤ 1 GiB, 16 lanes |
/// | scrypt | `$scrypt$ln=…,r=…,p=…$salt$hash` | 256 MiB, memory × p ≤ 1 GiB |
/// | PBKDF2 | `$pbkdf2-sha256$i=…$salt$hash`, `$pbkdf2-sha512$…` | 10,000,000 rounds |
/// | bcrypt | `$2y$…`, `$2b$…`, `$2a$…` | cost 4 to 17; a password over 72 bytes is refused, not cut |
/// | SHA-256 and SHA-512 crypt | `$5$…`, `$6$…` | 1,000 to 1,000,000 rounds |
/// | htpasswd's MD5 | `$apr1$…` | none |
/// | unsalted SHA-1 | `{SHA}…` | only by [`parse_unsalted`](Self::parse_unsalted) |
///
/// Whatever is beyond a limit is refused when it is read, and never computed. DES crypt and plain text are refused.
///
/// `Debug` shows the kind and the cost, neither salt nor hash.
///
/// ```
/// use tower_authn::validator::passwords::{PasswordHash, Passwords};
///
/// let stored: PasswordHash = "$2y$05$WVrs4AUTrVdd.XJZSQ.kbOZoGH0ZeOr.ZP6rzYSC5NPZ4yFZgVVUq".parse()?;
/// assert!(stored.is_outdated());
///
/// let today = Passwords::hash("correct horse battery")?;
/// assert!(today.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// # Ok::<(), tower_authn::validator::passwords::HashError>(())
/// ```
#[derive(Clone)]
pub struct PasswordHash {
    text: Box<str>,
    params: Params,
    salt: Box<[u8]>,
    output: Box<[u8]>,
}

impl PasswordHash {
    /// Reads what [`FromStr`] reads, and htpasswd's `{SHA}` too.
    ///
    /// # Security
    ///
    /// An unsalted SHA-1 of a password that somebody chose is found in a table, or computed, within seconds.
    ///
    /// # Errors
    ///
    /// What is not a hash, or one beyond the limits.
    pub fn parse_unsalted(text: &str) -> Result<Self, HashError> {
        text.strip_prefix("{SHA}").map_or_else(|| text.parse(), |encoded| htpasswd::sha1(text, encoded))
    }

    /// Returns the text, as it was read; it is what to store.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it costs a guesser less than a hash that is made today: argon2id with 19 MiB and 2 passes, or what takes
    /// as long.
    pub fn is_outdated(&self) -> bool {
        self.params.is_outdated()
    }

    /// Hashes a password with today's parameters: argon2id, 19 MiB, 2 passes, 1 lane, 16 random bytes of salt.
    pub(super) fn new(password: &str, scratch: &mut Scratch) -> Result<Self, HashError> {
        refuse_unusable(password)?;
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| HashError::NoRandomness)?;
        let output = TODAY.compute(password.as_bytes(), &salt, 32, scratch);
        let text = phc::argon2id_text(&salt, &output);
        Ok(Self { text: text.into(), params: TODAY, salt: salt.into(), output: output.into() })
    }

    /// A hash that no password has, which costs as much as one with these parameters.
    pub(super) fn decoy(params: Params) -> Self {
        let (salt, output) = params.sizes();
        Self { text: "".into(), params, salt: vec![b'.'; salt].into(), output: vec![0; output].into() }
    }

    pub(super) const fn params(&self) -> Params {
        self.params
    }

    /// Computes the hash of a password, whatever the password is, and compares.
    pub(super) fn fits(&self, password: &str, scratch: &mut Scratch) -> bool {
        let output = self.params.compute(password.as_bytes(), &self.salt, self.output.len(), scratch);
        let equal = bool::from(output.ct_eq(&self.output));
        equal && !self.text.is_empty() && self.params.takes(password)
    }
}

/// Refuses what no hash here takes, whoever the user is.
pub(super) fn refuse_unusable(password: &str) -> Result<(), HashError> {
    if password.len() > LONGEST {
        return Err(HashError::PasswordTooLong);
    }
    // Implementations in C stop there, so that `secret` and `secret\0anything` were one password.
    if password.contains('\0') {
        return Err(HashError::PasswordHasNul);
    }
    Ok(())
}

impl FromStr for PasswordHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let Some(rest) = text.strip_prefix('$') else { return Err(htpasswd::why_not(text)) };
        let (kind, rest) = rest.split_once('$').ok_or(HashError::Malformed)?;
        match kind {
            "argon2id" | "argon2i" | "argon2d" => phc::argon2(text, kind, rest),
            "scrypt" => phc::scrypt(text, rest),
            "pbkdf2-sha256" | "pbkdf2-sha512" => phc::pbkdf2(text, kind, rest),
            "2a" | "2b" | "2y" => htpasswd::bcrypt(text, rest),
            "5" | "6" => htpasswd::sha_crypt(text, kind, rest),
            "apr1" => htpasswd::apr1(text, rest),
            _ => Err(HashError::UnknownKind),
        }
    }
}

/// Shows the kind and the cost.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({:?})", self.params)
    }
}
