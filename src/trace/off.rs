//! Nobody listens.

use crate::{
    Rejection,
    observe::{Decision, Report},
};

pub(crate) const fn is_on() -> bool {
    false
}

pub(crate) fn decided(_: &Decision<'_>, _: impl FnOnce() -> Option<u64>) {}

pub(crate) fn reported(_: &Report<'_>) {}

pub(crate) fn undrawn(_: &Rejection) {}

pub(crate) fn warned(_: &crate::ConfigurationWarning) {}

#[cfg(feature = "jwt")]
pub(crate) fn keys_fetched<L>(_: &str, _: &L, _: &crate::validator::jwt::KeySet) {}

#[cfg(feature = "jwt")]
pub(crate) fn keys_failed<L, F>(_: &str, _: &L, _: &F, _: u64) {}

#[cfg(feature = "passwords")]
pub(crate) fn users_read<P: ?Sized>(_: &P, _: usize) {}

#[cfg(feature = "passwords")]
pub(crate) fn users_not_read<E>(_: &E) {}

#[cfg(feature = "redis")]
pub(crate) fn failure_lost(_: &Rejection, _: u64) {}
