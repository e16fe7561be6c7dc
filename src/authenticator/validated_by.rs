use std::{any::type_name, fmt, sync::Arc};

use http::request::Parts;

use crate::{
    Authenticator, Challenges, Granted, Inspection, Observe, Part, Rejection, Scheme, Validator,
    inspect::{Extraction, Whole},
    observe,
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

    fn extract(&self, head: &mut Parts) -> Result<Option<S::Credentials>, Rejection> {
        self.scheme.extract(head).map_err(|rejection| rejection.found_by(self.scheme.name()))
    }

    async fn validate(&self, credentials: S::Credentials) -> Result<Granted<V::Identity>, Rejection> {
        let scheme = self.scheme.name();
        match self.validator.validate(credentials).await {
            Ok(Some(identity)) if observe::wants_details() => {
                let details = self.validator.details(&identity);
                Ok(Granted::new(identity, scheme).with_details(details))
            }
            Ok(Some(identity)) => Ok(Granted::new(identity, scheme)),
            Ok(None) => Err(Rejection::invalid().found_by(scheme)),
            Err(rejection) => Err(rejection.found_by(scheme)),
        }
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        let scheme = self.scheme.name();
        challenges.add(scheme, self.scheme.challenge(rejection.finding(scheme)));
    }

    fn each_part(&self, visit: &mut dyn FnMut(&Part<'_>)) {
        visit(&Part::new(self));
    }
}

impl<S: Scheme, V: Validator<S::Credentials>> Whole for ValidatedBy<S, V> {
    fn scheme(&self) -> &'static str {
        self.scheme.name()
    }

    fn realm(&self) -> Option<&str> {
        self.scheme.realm()
    }

    fn extraction(&self, head: &mut Parts) -> Extraction {
        match self.extract(head) {
            Ok(None) => Extraction::Nothing,
            Ok(Some(_)) => Extraction::Found,
            Err(rejection) => Extraction::Unreadable(rejection),
        }
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.scheme.inspect(inspection);
        self.validator.inspect(inspection);
    }

    fn observed_by(&self, observer: &Arc<dyn Observe>) {
        self.validator.observed_by(observer);
    }
}

impl<S, V> fmt::Debug for ValidatedBy<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValidatedBy<{}, {}>", type_name::<S>(), type_name::<V>())
    }
}
