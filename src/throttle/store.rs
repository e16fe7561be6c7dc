use std::time::Duration;

use super::{FailureKey, Quota};
use crate::{Inspection, Rejection};

/// Where failures are counted: in the memory of one process, [`MemoryFailures`](super::MemoryFailures), or where several
/// processes share them.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::{Duration, Instant}};
/// use tower_authn::{Rejection, throttle::{FailureKey, FailureStore, Quota}};
///
/// /// Until when something is held against whom. It never shrinks: no example to follow in that.
/// struct Everything(Mutex<HashMap<FailureKey, Instant>>);
///
/// impl FailureStore for Everything {
///     async fn wait(&self, key: &FailureKey, quota: Quota) -> Result<Option<Duration>, Rejection> {
///         let failures = self.0.lock().map_err(|_| Rejection::unavailable())?;
///         let debt = failures.get(key).map(|until| until.saturating_duration_since(Instant::now()));
///         Ok(quota.wait(debt.unwrap_or_default()))
///     }
///
///     fn fail(&self, key: &FailureKey, quota: Quota) {
///         let Ok(mut failures) = self.0.lock() else { return };
///         let now = Instant::now();
///         let until = failures.entry(*key).or_insert(now);
///         *until = now + quota.fail(until.saturating_duration_since(now));
///     }
///
///     fn clear(&self, key: &FailureKey) {
///         self.0.lock().map(|mut failures| failures.remove(key)).ok();
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` counts no failures", label = "must be a `FailureStore`")]
pub trait FailureStore: Send + Sync + 'static {
    /// Returns how long to wait before the next attempt; `None`: not at all.
    ///
    /// # Errors
    ///
    /// An outage: the client sees 503, and nothing is validated.
    fn wait(
        &self,
        key: &FailureKey,
        quota: Quota,
    ) -> impl Future<Output = Result<Option<Duration>, Rejection>> + Send;

    /// Counts a failure. It is called where nothing can be awaited, since the client may have gone away; a store on the
    /// network starts a task.
    fn fail(&self, key: &FailureKey, quota: Quota);

    /// Wipes out what was counted. As [`fail`](Self::fail), it does not wait.
    fn clear(&self, key: &FailureKey);

    /// Says what there is to measure, such as how many clients have something held against them. Nothing unless
    /// implemented.
    fn inspect(&self, inspection: &mut Inspection) {
        let _ = inspection;
    }
}
