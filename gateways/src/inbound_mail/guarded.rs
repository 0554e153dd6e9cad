//! Reading mails with a library that may panic on one: that is then taken for none. What
//! ended the conversation instead would be brought again, for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `read` found; nothing if it panicked.
pub(super) fn guarded<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    // Nothing that it may have left half done is looked at again.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        tracing::error!("a mail cannot be read");
        metrics::counter!("ledgerline_mails_unreadable_total").increment(1);
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_answer() {
        assert_eq!(guarded(|| Some(1)), Some(1));
        assert_eq!(guarded::<i32>(|| panic!("on purpose")), None);
    }
}
