use std::{error::Error, fmt};

/// Why a text is no hash that is kept here, or a password none that is hashed. It shows nothing of either.
///
/// ```
/// use tower_authn::validator::passwords::{HashError, PasswordHash};
///
/// let absurd = "$argon2id$v=19$m=4294967295,t=1000,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA".parse::<PasswordHash>();
/// assert_eq!(absurd.unwrap_err(), HashError::TooCostly);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashError {
    /// It does not have the form of its kind.
    Malformed,
    /// It is of a kind that is not known here.
    UnknownKind,
    /// It would take more memory or time than the limits allow.
    TooCostly,
    /// It has so few rounds, or so short a salt or hash, that it does not protect the password.
    TooWeak,
    /// It looks like DES crypt, which looks at eight characters.
    DesCrypt,
    /// It looks like the password itself.
    PlainText,
    /// It is an unsalted SHA-1, which was not allowed.
    Unsalted,
    /// The password is longer than 1,024 bytes.
    PasswordTooLong,
    /// The password has a NUL character in it.
    PasswordHasNul,
    /// The operating system gave no randomness for a salt.
    NoRandomness,
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the hash does not have the form of its kind",
            Self::UnknownKind => "the hash is of an unknown kind",
            Self::TooCostly => "the hash takes more memory or time than is allowed",
            Self::TooWeak => "the hash has too few rounds, or too short a salt or output",
            Self::DesCrypt => "it looks like DES crypt, which is not read: make it anew with `htpasswd -B`",
            Self::PlainText => "it looks like a password in plain text: make it anew with `htpasswd -B`",
            Self::Unsalted => {
                "it is an unsalted SHA-1, which has to be allowed: make it anew with `htpasswd -B`"
            }
            Self::PasswordTooLong => "the password is longer than 1,024 bytes",
            Self::PasswordHasNul => "the password has a NUL character in it",
            Self::NoRandomness => "the operating system gave no randomness for a salt",
        })
    }
}

impl Error for HashError {}
