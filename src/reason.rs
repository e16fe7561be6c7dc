//! Why a request was turned away, as an operator reads it.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident => $code:literal,)+) => {
        /// Why credentials were turned away: a stable code for logs and metrics, never sent to the client.
        ///
        /// The set is closed and small, so that [`as_str`](Self::as_str) can be the label of a metric.
        ///
        /// ```
        /// use tower_authn::Reason;
        ///
        /// assert_eq!(Reason::WrongAudience.as_str(), "wrong_audience");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)+
            /// A reason of the app's own; lower-case words joined by `_` fit in with the others.
            Other(&'static str),
        }

        impl Reason {
            /// Returns the stable code, for example `wrong_password`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Other(code) => code,
                }
            }
        }
    };
}

reasons! {
    /// No credentials were sent.
    Missing => "missing",
    /// One half of what is demanded together was sent, the other was not.
    Incomplete => "incomplete",
    /// The credentials do not have the form of their scheme.
    Malformed => "malformed",
    /// A header that may occur once occurred more often.
    Repeated => "repeated",
    /// The credentials are longer than their cap.
    TooLong => "too_long",
    /// The credentials are not text in the expected character set.
    NotText => "not_text",
    /// No such token, key, user or session; also what a validator's `Ok(None)` means.
    Unknown => "unknown",
    /// The user is known, the password is another.
    WrongPassword => "wrong_password",
    /// The account is switched off.
    Disabled => "disabled",
    /// The account is locked.
    Locked => "locked",
    /// The token's `exp` has passed.
    Expired => "expired",
    /// The token's `nbf` or `iat` lies in the future.
    NotYetValid => "not_yet_valid",
    /// The token, or the sign-in behind it, is older than allowed.
    TooOld => "too_old",
    /// The signature does not fit the token and the key.
    BadSignature => "bad_signature",
    /// No key is known that the token could be signed with.
    UnknownKey => "unknown_key",
    /// More than one key fits, and the token does not say which.
    AmbiguousKey => "ambiguous_key",
    /// The token comes from an issuer that is not trusted.
    WrongIssuer => "wrong_issuer",
    /// The token is meant for somebody else.
    WrongAudience => "wrong_audience",
    /// The token is of another type, such as an ID token.
    WrongType => "wrong_type",
    /// The algorithm is not allowed, or is not the key's.
    AlgorithmRefused => "algorithm_refused",
    /// The token's `crit` names what is not understood.
    CriticalHeader => "critical_header",
    /// A member name occurs twice in the token's JSON.
    DuplicateMember => "duplicate_member",
    /// The token is bound to a key or certificate that was not shown.
    Bound => "bound",
    /// The token lacks a claim that is demanded.
    MissingClaim => "missing_claim",
    /// The token's claims do not have the form the app asks for.
    BadClaims => "bad_claims",
    /// The token, key or session was revoked.
    Revoked => "revoked",
    /// The session's id was replaced by a newer one.
    Replaced => "replaced",
    /// The session was not used for too long.
    IdleTimeout => "idle_timeout",
    /// The session reached its absolute age.
    AbsoluteTimeout => "absolute_timeout",
    /// The credentials behind the session were changed since.
    CredentialsChanged => "credentials_changed",
    /// The stored record can no longer be read.
    Unreadable => "unreadable",
    /// The client's address is not on the list.
    AddressNotAllowed => "address_not_allowed",
    /// The client's address cannot be told.
    AddressUnknown => "address_unknown",
    /// The token lacks a scope.
    InsufficientScope => "insufficient_scope",
    /// A requirement on the identity was not met.
    PolicyDenied => "policy_denied",
    /// The sign-in was too weak or too long ago for what was asked.
    StepUpNeeded => "step_up_needed",
    /// Too many failures before this request.
    TooManyFailures => "too_many_failures",
    /// A database, provider or other back end failed.
    BackEndFailed => "back_end_failed",
    /// A back end did not answer in time.
    TimedOut => "timed_out",
    /// The work is bounded, and the bound is reached.
    Overloaded => "overloaded",
    /// The issuer's keys have not been loaded yet.
    KeysNotLoaded => "keys_not_loaded",
    /// The issuer's keys are too old to be trusted.
    KeysStale => "keys_stale",
    /// The layer that a handler or requirement relies on is missing.
    LayerMissing => "layer_missing",
    /// The server is set up wrongly.
    Misconfigured => "misconfigured",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
