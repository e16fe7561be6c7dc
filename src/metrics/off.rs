//! Nobody counts.

use crate::observe::{Decision, Report};

pub(crate) const fn is_on() -> bool {
    false
}

pub(crate) fn decided(_: &Decision<'_>) {}

pub(crate) fn reported(_: &Report<'_>) {}
