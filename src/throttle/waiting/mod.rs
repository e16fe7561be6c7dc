//! Waiting until other guesses are settled. It takes timers, and so the feature `tokio`.

#[cfg(not(feature = "tokio"))]
mod off;
#[cfg(feature = "tokio")]
mod on;

#[cfg(not(feature = "tokio"))]
pub(super) use off::*;
#[cfg(feature = "tokio")]
pub(super) use on::*;
