use std::{any::type_name, error::Error, fmt, future::poll_fn};

use tower_service::Service;

use super::Validator;
use crate::{Rejection, Visit};

/// Makes a validator of a tower service from credentials to `Option<Identity>`, so that time-outs, concurrency limits,
/// retries and the like go around a validator as around any service.
///
/// An error of the service, such as a time-out, is [`Rejection::unavailable`]: the client sees 503. A service that is
/// not ready is waited for; put a time-out or a load shedder outside.
///
/// ```
/// use std::time::Duration;
/// use tower::{BoxError, ServiceBuilder};
/// use tower_authn::{BearerToken, Scheme, scheme::Bearer, validator::FromService};
///
/// async fn find(token: BearerToken) -> Result<Option<u64>, BoxError> {
///     Ok(token.expose().parse().ok())
/// }
/// let limited = ServiceBuilder::new().timeout(Duration::from_secs(2)).concurrency_limit(8).service_fn(find);
/// let api = Bearer::new("api").validated_by(FromService::new(limited));
/// # let _ = api;
/// ```
#[derive(Clone)]
#[must_use]
pub struct FromService<S>(S);

impl<S> FromService<S> {
    /// Makes the validator. The service is cloned for each call.
    pub const fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, C, I> Validator<C> for FromService<S>
where
    S: Service<C, Response = Option<I>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    C: Send + 'static,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    async fn validate(&self, credentials: C, _: &mut Visit) -> Result<Option<I>, Rejection> {
        let mut service = self.0.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(unavailable)?;
        service.call(credentials).await.map_err(unavailable)
    }
}

fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Rejection {
    Rejection::unavailable().because(cause)
}

impl<S> fmt::Debug for FromService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FromService<{}>", type_name::<S>())
    }
}
