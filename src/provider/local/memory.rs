//! Bounds the memory of photos in flight.

use std::sync::{Condvar, Mutex, PoisonError};

/// Lends bytes of a budget and takes them back.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    total: u64,
    used: Mutex<u64>,
    returned: Condvar,
}

/// Borrowed bytes, given back when dropped.
#[derive(Debug)]
pub(crate) struct Loan<'a> {
    budget: &'a MemoryBudget,
    bytes: u64,
}

impl MemoryBudget {
    pub(crate) const fn new(total: u64) -> Self {
        Self {
            total,
            used: Mutex::new(0),
            returned: Condvar::new(),
        }
    }

    /// Waits until `bytes` are free. What is larger than the whole budget is lent when nothing else
    /// is, so that a huge photo is worked on alone rather than never.
    pub(crate) fn borrow(&self, bytes: u64) -> Loan<'_> {
        let bytes = bytes.min(self.total);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used + bytes > self.total {
            used = self
                .returned
                .wait(used)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        Loan {
            budget: self,
            bytes,
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut used = self
            .budget
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *used -= self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn never_more_than_the_budget_is_lent() {
        let budget = MemoryBudget::new(100);
        let now = AtomicU64::new(0);
        let most = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for size in [30, 50, 70, 100, 500, 10] {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let loan = budget.borrow(size);
                        let size = size.min(100);
                        most.fetch_max(
                            now.fetch_add(size, Ordering::SeqCst) + size,
                            Ordering::SeqCst,
                        );
                        std::thread::yield_now();
                        now.fetch_sub(size, Ordering::SeqCst);
                        drop(loan);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
        assert_eq!(*budget.used.lock().unwrap(), 0);
    }
}
