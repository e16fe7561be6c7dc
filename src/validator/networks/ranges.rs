//! Sets of addresses of one family, as sorted ranges that do not touch.

/// An address as a number.
pub(super) trait Number: Copy + Ord {
    const LAST: Self;
    fn next(self) -> Option<Self>;
    fn previous(self) -> Option<Self>;
}

impl Number for u32 {
    const LAST: Self = Self::MAX;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl Number for u128 {
    const LAST: Self = Self::MAX;
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

/// First and last address of each range, both inclusive.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Ranges<N>(Vec<(N, N)>);

impl<N: Number> Ranges<N> {
    pub(super) fn new(mut ranges: Vec<(N, N)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(N, N)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if before.1.next().is_none_or(|next| first <= next) => {
                    before.1 = before.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        merged.shrink_to_fit();
        Self(merged)
    }

    pub(super) fn contains(&self, address: N) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= address);
        after > 0 && address <= self.0[after - 1].1
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied().collect())
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        let mut holes = other.0.iter().copied().peekable();
        for &(first, last) in &self.0 {
            // Where what is left of this range begins, if anything is.
            let mut start = Some(first);
            while let (Some(from), Some(&(hole, end))) = (start, holes.peek()) {
                if hole > last {
                    break;
                }
                if let Some(before) = hole.previous().filter(|before| from <= *before) {
                    rest.push((from, before));
                }
                if end >= from {
                    start = end.next().filter(|next| *next <= last);
                }
                if end <= last {
                    holes.next();
                }
            }
            if let Some(from) = start {
                rest.push((from, last));
            }
        }
        Self(rest)
    }

    pub(super) fn is_everything(&self, zero: N) -> bool {
        self.0.first().is_some_and(|range| *range == (zero, N::LAST))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
