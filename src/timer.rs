//! Time limits. tokio panics where its runtime has no timers, or where there is none; here that is a rejection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio::{runtime::Handle, time::Timeout};

use crate::Rejection;

/// Gives a future up after a while.
///
/// # Errors
///
/// There are no timers: 500.
pub(crate) fn timeout<F: Future>(limit: Duration, future: F) -> Result<Timeout<F>, Rejection> {
    Handle::try_current().map_err(|_| missing())?;
    // Nothing but the panic tells whether a runtime has timers. It comes at once, not when the future is first polled; where an
    // app's profile says `panic = "abort"`, it still ends the process.
    catch_unwind(AssertUnwindSafe(|| tokio::time::timeout(limit, future))).map_err(|_| missing())
}

/// Returns the runtime.
///
/// # Errors
///
/// There is none, or it has no timers: 500.
#[cfg(any(feature = "jwt", feature = "passwords", feature = "redis"))]
pub(crate) fn runtime() -> Result<Handle, Rejection> {
    drop(timeout(Duration::ZERO, std::future::ready(()))?);
    Handle::try_current().map_err(|_| missing())
}

#[cold]
fn missing() -> Rejection {
    Rejection::misconfigured(
        "there is no tokio runtime with timers: call `enable_time()` or `enable_all()` on its builder",
    )
}
