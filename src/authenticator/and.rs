use http::request::Parts;

use crate::{Asked, Authenticator, Challenges, Granted, Part, Reason, Rejection, Visit};

/// Demands both of two: what [`Authenticator::and`] makes.
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, scheme::{ApiKey, Bearer}};
///
/// let app = ApiKey::new("app").validated_by(Tokens::<u32>::new());
/// let user = Bearer::new("user").validated_by(Tokens::<String>::new());
/// let both = app.and(user).map(|(_app, user)| user);
/// # let _ = both;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct And<A, B> {
    first: A,
    second: B,
}

impl<A, B> And<A, B> {
    pub(crate) const fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Authenticator, B: Authenticator> Authenticator for And<A, B> {
    /// `None` for a half that is not there; never both.
    type Credentials = (Option<A::Credentials>, Result<Option<B::Credentials>, Rejection>);
    type Identity = (A::Identity, B::Identity);

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<Self::Credentials>, Rejection> {
        let (first, second) = (self.first.extract(head, asked), self.second.extract(head, asked));
        let first = first.map_err(|rejection| half(&self.first, rejection))?;
        match (first, second) {
            (None, Ok(None)) => Ok(None),
            both => Ok(Some(both)),
        }
    }

    async fn validate(
        &self,
        (first, second): Self::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<Self::Identity>, Rejection> {
        let alone = matches!(second, Ok(None));
        let Some(first) = first else { return Err(incomplete(&self.first)) };
        let granted = match self.first.validate(first, visit).await {
            Err(rejection) if !alone => return Err(half(&self.first, rejection)),
            result => result?,
        };
        let second = second.map_err(|rejection| half(&self.second, rejection))?;
        let Some(second) = second else { return Err(incomplete(&self.second)) };
        match self.second.validate(second, visit).await {
            Ok(other) => Ok(granted.and(other)),
            Err(rejection) => Err(half(&self.second, rejection)),
        }
    }

    /// Offers what the half has to offer that turned the request away; if neither was looked at, the first that has
    /// anything to offer. Where another alternative has findings under the same names, it cannot be told, and both offer.
    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        let first = Challenges::offered(&self.first, rejection);
        let second = Challenges::offered(&self.second, rejection);
        let (first_offers, second_offers) = match (first.own(rejection), second.own(rejection)) {
            (false, false) => (first.any(), !first.any()),
            owned => owned,
        };
        challenges.append(if first_offers { first } else { first.silent() });
        challenges.append(if second_offers { second } else { second.silent() });
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.first.each_part(show);
        self.second.each_part(show);
    }
}

/// A half that died of age, or cannot be read and counts as missing, is still a half: nobody passes for it.
fn half(authenticator: &impl Authenticator, rejection: Rejection) -> Rejection {
    if rejection.is_absence() { rejection.or(incomplete(authenticator)) } else { rejection }
}

/// One half alone: 401 with the challenge of the half that is missing, and no error.
fn incomplete(missing: &impl Authenticator) -> Rejection {
    let rejection = Rejection::missing().with_reason(Reason::Incomplete);
    let schemes: Vec<_> = Challenges::offered(missing, &rejection).schemes().collect();
    rejection.found_by_all(&schemes)
}
