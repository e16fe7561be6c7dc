use http::request::Parts;

use super::validated;
use crate::{Asked, Authenticator, Challenges, Granted, Part, Rejection, Visit};

/// Accepts what either of two accepts: what [`Authenticator::or`] makes.
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, scheme::{ApiKey, Bearer}};
///
/// let keys = Tokens::<u32>::new();
/// let tokens = Tokens::<u32>::new();
/// let either = ApiKey::new("api").validated_by(keys).or(Bearer::new("api").validated_by(tokens));
/// # let _ = either;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Or<A, B> {
    first: A,
    second: B,
}

impl<A, B> Or<A, B> {
    pub(crate) const fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

/// What was found for two alternatives; at least one of them has credentials.
#[derive(Debug)]
pub struct OrCredentials<A, B> {
    first: Extracted<A>,
    second: Extracted<B>,
}

pub(super) type Extracted<C> = Result<Option<C>, Rejection>;

impl<A, B> Authenticator for Or<A, B>
where
    A: Authenticator,
    B: Authenticator<Identity = A::Identity>,
{
    type Credentials = OrCredentials<A::Credentials, B::Credentials>;
    type Identity = A::Identity;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Extracted<Self::Credentials> {
        match (self.first.extract(head, asked), self.second.extract(head, asked)) {
            (Ok(None), Ok(None)) => Ok(None),
            (Err(first), Err(second)) => Err(first.or(second)),
            (Err(rejection), Ok(None)) | (Ok(None), Err(rejection)) => {
                Err(rejection.or(Rejection::missing()))
            }
            (first, second) => Ok(Some(OrCredentials { first, second })),
        }
    }

    async fn validate(
        &self,
        credentials: Self::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<Self::Identity>, Rejection> {
        let mut passed_over = None;
        if let Some(granted) = attempt(&self.first, credentials.first, visit, &mut passed_over).await {
            return Ok(granted);
        }
        if let Some(granted) = attempt(&self.second, credentials.second, visit, &mut passed_over).await {
            return Ok(granted);
        }
        Err(passed_over.unwrap_or_else(Rejection::missing))
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.first.challenge(rejection, challenges);
        self.second.challenge(rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.first.each_part(show);
        self.second.each_part(show);
    }
}

/// Tries one alternative: a grant, beside which the visit keeps what was passed over before, or one more that is passed over.
///
/// What is missing counts as well: it outranks [`Forbidden`](crate::RejectionKind::Forbidden), so that an address that
/// is not allowed still gets asked for the credentials that would do.
pub(super) async fn attempt<A: Authenticator>(
    authenticator: &A,
    extracted: Extracted<A::Credentials>,
    visit: &mut Visit,
    passed_over: &mut Option<Rejection>,
) -> Option<Granted<A::Identity>> {
    let mark = visit.mark();
    match validated(authenticator, extracted, visit).await {
        Ok(granted) => {
            if let Some(rejection) = passed_over.take() {
                visit.pass_over(rejection);
            }
            Some(granted)
        }
        Err(rejection) => {
            visit.return_to(mark);
            *passed_over = Some(match passed_over.take() {
                Some(before) => before.or(rejection),
                None => rejection,
            });
            None
        }
    }
}
