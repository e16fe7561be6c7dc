//! Locks whose holders may have panicked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also where somebody panicked with the lock held: what is behind the locks here is whole at every step.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_whose_holder_panicked_is_taken_all_the_same() {
        let mutex = Mutex::new(1);
        let panicked = std::panic::catch_unwind(|| {
            *lock(&mutex) += 1;
            let _held = lock(&mutex);
            panic!("with the lock held");
        });
        assert!(panicked.is_err() && mutex.is_poisoned());
        *lock(&mutex) += 1;
        assert_eq!(*lock(&mutex), 3);
    }
}
