//! Nobody counts.

use crate::observe::Decision;

pub(crate) const fn is_on() -> bool {
    false
}

pub(crate) fn decided(_: &Decision<'_>) {}
