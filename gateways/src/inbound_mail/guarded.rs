//! Guards against panics of the library that parses mails. A mail on which it panics counts
//! as not parsable: if it ended the session instead, the mail would be redelivered for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The result of `read`; `None` if it panicked.
pub(super) fn guarded<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    // No value that it may have left inconsistent is used again.
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
