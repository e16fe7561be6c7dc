//! A count that many threads add to, and that is seldom read.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

const LANES: usize = 8;

/// Counts in several places, so that threads which count the same do not wait for each other's cache line.
#[derive(Debug, Default)]
pub(crate) struct Tally([Lane; LANES]);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Lane(AtomicU64);

impl Tally {
    pub(crate) fn add(&self) {
        self.0[lane()].0.fetch_add(1, Relaxed);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|lane| lane.0.load(Relaxed)).sum()
    }
}

/// The lane of this thread.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LANE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    LANE.with(|lane| {
        if lane.get() == usize::MAX {
            lane.set(NEXT.fetch_add(1, Relaxed) % LANES);
        }
        lane.get()
    })
}
