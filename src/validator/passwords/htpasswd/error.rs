use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

use super::super::HashError;

/// Why a password file cannot be used: it cannot be read, it is not a regular file, it is larger
/// than 64 MiB, or some of its lines cannot be used, all of which are named.
///
/// It shows line numbers, and nothing of the lines: on a line that is wrong, anything may be a password.
///
/// ```
/// use tower_authn::validator::passwords::Passwords;
///
/// let error = Passwords::from_file("/no/such/file").unwrap_err();
/// assert!(error.to_string().starts_with("/no/such/file: "));
/// ```
#[derive(Clone, Debug)]
pub struct HtpasswdError {
    pub(super) path: PathBuf,
    pub(super) failure: Failure,
}

#[derive(Clone, Debug)]
pub(super) enum Failure {
    Read(Arc<io::Error>),
    /// What the path leads to, in words.
    NotRegular(&'static str),
    TooLarge,
    Lines(Vec<(usize, LineProblem)>),
}

/// What is wrong with one line of a password file.
///
/// ```
/// use tower_authn::validator::passwords::{HashError, LineProblem};
///
/// assert!(LineProblem::Hash(HashError::DesCrypt).to_string().contains("htpasswd -B"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineProblem {
    /// It is not UTF-8.
    NotText,
    /// There is no colon between a user and a hash.
    NoColon,
    /// There is nothing before the colon.
    NoUser,
    /// The user has a line already, with this number.
    Repeated {
        /// The first line of the user.
        first: usize,
    },
    /// The hash cannot be used.
    Hash(HashError),
}

impl HtpasswdError {
    /// Returns the numbers of the lines that cannot be used, from 1, and why; empty if the file cannot be read at all.
    pub fn problems(&self) -> &[(usize, LineProblem)] {
        match &self.failure {
            Failure::Lines(problems) => problems,
            Failure::Read(_) | Failure::NotRegular(_) | Failure::TooLarge => &[],
        }
    }

    /// Whether the path leads to something other than a regular file: a FIFO, a device, a socket or
    /// a directory.
    ///
    /// ```
    /// use tower_authn::validator::passwords::Passwords;
    ///
    /// let error = Passwords::from_file("/").unwrap_err();
    /// assert!(error.is_not_regular_file());
    /// ```
    pub fn is_not_regular_file(&self) -> bool {
        matches!(self.failure, Failure::NotRegular(_))
    }
}

impl fmt::Display for HtpasswdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.failure {
            Failure::Read(error) => error.fmt(f),
            Failure::NotRegular(kind) => write!(f, "it is {kind}, not a regular file"),
            Failure::TooLarge => f.write_str("the file is larger than 64 MiB"),
            Failure::Lines(problems) => {
                for (index, (line, problem)) in problems.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "; " })?;
                    write!(f, "line {line}: {problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl Error for HtpasswdError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.failure {
            Failure::Read(error) => Some(error),
            Failure::NotRegular(_) | Failure::TooLarge | Failure::Lines(_) => None,
        }
    }
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("it is not UTF-8"),
            Self::NoColon => f.write_str("there is no colon after the user"),
            Self::NoUser => f.write_str("there is no user before the colon"),
            Self::Repeated { first } => write!(f, "the user has line {first} already"),
            Self::Hash(error) => error.fmt(f),
        }
    }
}
