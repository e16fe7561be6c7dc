//! What to do about each reason.

use crate::Reason;

impl Reason {
    /// Returns what would make such a request pass, in a sentence for developers and operators; clients are told the answer's
    /// own sentence.
    ///
    /// ```
    /// use tower_authn::Reason;
    ///
    /// assert_eq!(Reason::Expired.remedy(), "get a new token; if it is new, compare the clocks");
    /// ```
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Missing => "bring credentials",
            Self::Incomplete => "bring the other half too: both schemes are demanded together",
            Self::Malformed => "send the credentials in the form of their scheme",
            Self::Repeated => "send the header once",
            Self::TooLong => "send shorter credentials, or raise `max_len`",
            Self::NotText => "send UTF-8",
            Self::Unknown => "check that it was issued here, not revoked, and copied whole",
            Self::WrongPassword => "check the password, or have it reset",
            Self::Disabled => "have the account switched on",
            Self::Locked => "have the account unlocked",
            Self::Expired => "get a new token; if it is new, compare the clocks",
            Self::NotYetValid => "compare the clocks of issuer and server (`nbf`, `iat`)",
            Self::TooOld => "get a token that was issued less than `max_age` ago",
            Self::BadSignature => {
                "get the token from the issuer anew; check that it is not cut or changed on the way"
            }
            Self::UnknownKey => "check that the issuer publishes the key of the token's `kid`",
            Self::AmbiguousKey => "have the issuer name its keys (`kid`), each with a name of its own",
            Self::WrongIssuer => "use a token of a configured issuer, or configure its `iss`, to the letter",
            Self::WrongAudience => "request the token for this API's `audience`",
            Self::WrongType => "send an access token, no ID token; or choose another `Profile`",
            Self::AlgorithmRefused => "have the token signed with an algorithm that is configured",
            Self::CriticalHeader => "have the token issued without `crit`",
            Self::DuplicateMember => "have the issuer name each member once",
            Self::Bound => "use a token that is not bound to a key or certificate (`cnf`)",
            Self::MissingClaim => {
                "have the issuer add the claims that are demanded: `exp`, `aud`, `iat` with `max_age`"
            }
            Self::BadClaims => "compare the token's claims with the type they are read into",
            Self::Revoked => "get new credentials",
            Self::IdleTimeout | Self::AbsoluteTimeout | Self::CredentialsChanged => "sign in again",
            Self::Replaced => "send the newer cookie; if there is none, sign in again",
            Self::Unreadable => "sign in again; if that does not help, look at what is stored",
            Self::AddressNotAllowed => "come from a network on the list, or add it",
            Self::AddressUnknown => {
                "have the server put the peer's address into the request, and the proxies theirs into the header"
            }
            Self::InsufficientScope => "request a token with the scope that is demanded",
            Self::PolicyDenied => "have the right granted, or use another account",
            Self::StepUpNeeded => "sign in again, as strongly as is demanded",
            Self::TooManyFailures => "wait until `Retry-After` has passed",
            Self::BackEndFailed => "look at the back end that the cause names",
            Self::TimedOut => "look why the back end is slow, or raise its time-out",
            Self::Overloaded => "try again; if it lasts, give more permits or machines",
            Self::KeysNotLoaded => "check that the issuer's keys can be fetched from this machine",
            Self::KeysStale => "check why the issuer's keys have not been fetched for so long",
            Self::LayerMissing => "put the layer around the service, or correct the identity's type",
            Self::Misconfigured => "correct the configuration as the cause says",
            Self::Other(_) => "see what the app means by this reason",
        }
    }
}
