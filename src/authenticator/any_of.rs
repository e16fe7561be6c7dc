use std::{error::Error, fmt};

use http::request::Parts;

use super::or::{Extracted, attempt};
use crate::{Asked, Authenticator, Challenges, Granted, Part, Rejection, Visit};

/// Accepts what any of a list accepts, in order: [`or`](Authenticator::or) for a list that is only known at run time.
///
/// ```
/// use tower_authn::{AnyOf, Authenticator, BoxAuthenticator, Scheme, Tokens, Users, scheme::{Basic, Bearer}};
///
/// let mut list: Vec<BoxAuthenticator<String>> = Vec::new();
/// list.push(Bearer::new("api").validated_by(Tokens::new()).boxed());
/// list.push(Basic::new("api").validated_by(Users::new()).boxed());
/// let stack = AnyOf::try_from(list)?;
///
/// assert!(AnyOf::<BoxAuthenticator<String>>::try_from(Vec::new()).is_err()); // nobody, never everybody
/// # Ok::<(), tower_authn::authenticator::AnyOfError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AnyOf<A>(Vec<A>);

/// The most alternatives; each may cost a verification, and adds a header to every 401.
const MAX: usize = 32;

impl<A> TryFrom<Vec<A>> for AnyOf<A> {
    type Error = AnyOfError;

    fn try_from(list: Vec<A>) -> Result<Self, AnyOfError> {
        match list.len() {
            0 => Err(AnyOfError::Empty),
            1..=MAX => Ok(Self(list)),
            len => Err(AnyOfError::TooMany(len)),
        }
    }
}

/// Why a list of alternatives is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnyOfError {
    /// An empty list would let nobody in; that is said when it is configured.
    Empty,
    /// More than 32 alternatives.
    TooMany(usize),
}

impl fmt::Display for AnyOfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty list of authenticators lets nobody in; name at least one"),
            Self::TooMany(len) => write!(f, "{len} authenticators are more than the {MAX} that are tried"),
        }
    }
}

impl Error for AnyOfError {}

impl<A: Authenticator> Authenticator for AnyOf<A> {
    type Credentials = Vec<Extracted<A::Credentials>>;
    type Identity = A::Identity;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Extracted<Self::Credentials> {
        let mut found = Vec::new(); // allocates nothing as long as nothing is found
        for (index, authenticator) in self.0.iter().enumerate() {
            let extracted = authenticator.extract(head, asked);
            if !matches!(extracted, Ok(None)) {
                found.resize_with(index, || Ok(None));
                found.push(extracted);
            }
        }
        Ok(if found.is_empty() { None } else { Some(found) })
    }

    async fn validate(
        &self,
        credentials: Self::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<A::Identity>, Rejection> {
        let mut passed_over = None;
        let rest = std::iter::repeat_with(|| Ok(None));
        for (authenticator, extracted) in self.0.iter().zip(credentials.into_iter().chain(rest)) {
            if let Some(granted) = attempt(authenticator, extracted, visit, &mut passed_over).await {
                return Ok(granted);
            }
        }
        Err(passed_over.unwrap_or_else(Rejection::missing))
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        for authenticator in &self.0 {
            authenticator.challenge(rejection, challenges);
        }
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.0.iter().for_each(|authenticator| authenticator.each_part(show));
    }
}
