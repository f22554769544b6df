//! Asking running work to stop: set by a signal handler, read between photos and while waiting.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A request to stop that clones share. Work that sees it ends at the next safe point.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Interrupt {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everyone who holds a clone to stop.
    pub fn request(&self) {
        let (requested, changed) = &*self.shared;
        *requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether someone asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `duration`, or until someone asks; gives whether someone asked.
    #[must_use]
    pub fn wait(&self, duration: Duration) -> bool {
        let (requested, changed) = &*self.shared;
        let started = Instant::now();
        let mut guard = requested.lock().unwrap_or_else(PoisonError::into_inner);
        while !*guard {
            let Some(left) = duration.checked_sub(started.elapsed()) else {
                break;
            };
            guard = changed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_the_wait_of_every_clone() {
        let interrupt = Interrupt::new();
        assert!(!interrupt.wait(Duration::from_millis(1)));
        let waiting = interrupt.clone();
        let thread = std::thread::spawn(move || waiting.wait(Duration::from_secs(60)));
        interrupt.request();
        assert!(thread.join().unwrap());
        assert!(interrupt.is_requested());
    }
}
