use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use http::request::Parts;

use super::Verdict;
use crate::{Authenticator, Challenges, Granted, Part, Rejection, observe::Tried};

/// Reports whether identities meet a requirement, and lets all of them in: what [`Authenticator::require_report_only`] makes.
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, scheme::Bearer};
///
/// let users = Bearer::new("api").validated_by(Tokens::<String>::new())
///     .require_report_only(|user: &String| user != "legacy");
/// # let _ = users;
/// ```
#[derive(Clone)]
#[must_use]
pub struct RequiredReportOnly<A, F> {
    inner: A,
    requirement: F,
}

impl<A, F> RequiredReportOnly<A, F> {
    pub(crate) const fn new(inner: A, requirement: F) -> Self {
        Self { inner, requirement }
    }
}

impl<A, F, V> Authenticator for RequiredReportOnly<A, F>
where
    A: Authenticator,
    F: Fn(&A::Identity) -> V + Send + Sync + 'static,
    V: Verdict,
{
    type Credentials = A::Credentials;
    type Identity = A::Identity;

    fn extract(&self, head: &mut Parts) -> Result<Option<A::Credentials>, Rejection> {
        self.inner.extract(head)
    }

    async fn validate(&self, credentials: A::Credentials) -> Result<Granted<A::Identity>, Rejection> {
        let mut granted = self.inner.validate(credentials).await?;
        // What is only tried must not fail the request.
        let verdict =
            catch_unwind(AssertUnwindSafe(|| (self.requirement)(granted.identity()).verdict())).ok();
        let tried = verdict.map(|verdict| match verdict {
            Ok(()) => Tried::accepted(&granted.schemes),
            Err(rejection) => Tried::refused(granted.file(rejection)),
        });
        granted.report(tried);
        Ok(granted)
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.inner.challenge(rejection, challenges);
    }

    fn each_part(&self, visit: &mut dyn FnMut(&Part<'_>)) {
        self.inner.each_part(visit);
    }
}

impl<A: fmt::Debug, F> fmt::Debug for RequiredReportOnly<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequiredReportOnly").field("inner", &self.inner).finish_non_exhaustive()
    }
}
