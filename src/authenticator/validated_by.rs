use std::{any::type_name, fmt};

use http::request::Parts;

use crate::{
    Asked, Authenticator, Challenges, Granted, Inspection, Part, Rejection, Scheme, Validator, Visit,
    inspect::{Extraction, Whole},
};

/// A scheme with a validator for its credentials: what [`Scheme::validated_by`] makes.
///
/// ```
/// use tower_authn::{Scheme, Tokens, authenticator::ValidatedBy, scheme::Bearer};
///
/// let api: ValidatedBy<Bearer, Tokens<u64>> = Bearer::new("api").validated_by(Tokens::new());
/// ```
#[derive(Clone)]
#[must_use]
pub struct ValidatedBy<S, V> {
    scheme: S,
    validator: V,
}

impl<S, V> ValidatedBy<S, V> {
    pub(crate) const fn new(scheme: S, validator: V) -> Self {
        Self { scheme, validator }
    }
}

impl<S: Scheme, V: Validator<S::Credentials>> Authenticator for ValidatedBy<S, V> {
    type Credentials = S::Credentials;
    type Identity = V::Identity;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<S::Credentials>, Rejection> {
        self.scheme.extract(head, asked).map_err(|rejection| rejection.found_by(self.scheme.name()))
    }

    async fn validate(
        &self,
        credentials: S::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<V::Identity>, Rejection> {
        let scheme = self.scheme.name();
        let result = self.validator.validate(credentials, visit).await;
        // What is known of these credentials must not stick to others that are tried after them.
        let details = visit.take_details();
        let rejection = match result {
            Ok(Some(identity)) => return Ok(Granted { details, ..Granted::new(identity, scheme) }),
            Ok(None) => Rejection::invalid(),
            Err(rejection) => rejection,
        };
        let rejection = rejection.found_by(scheme);
        Err(match details {
            Some(details) => rejection.about(&details),
            None => rejection,
        })
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        let scheme = self.scheme.name();
        challenges.add(scheme, self.scheme.challenge(rejection.finding(scheme)));
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        show(&Part::new(self));
    }
}

impl<S: Scheme, V: Validator<S::Credentials>> Whole for ValidatedBy<S, V> {
    fn scheme(&self) -> &'static str {
        self.scheme.name()
    }

    fn realm(&self) -> Option<&str> {
        self.scheme.realm()
    }

    fn extraction(&self, head: &mut Parts, asked: &Asked) -> Extraction {
        match self.extract(head, asked) {
            Ok(None) => Extraction::Nothing,
            Ok(Some(_)) => Extraction::Found,
            Err(rejection) => Extraction::Unreadable(rejection),
        }
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.scheme.inspect(inspection);
        self.validator.inspect(inspection);
    }
}

impl<S, V> fmt::Debug for ValidatedBy<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValidatedBy<{}, {}>", type_name::<S>(), type_name::<V>())
    }
}
