//! The one clock. Everything else is given the time.

use chrono::{DateTime, SubsecRound, Utc};

/// The present time, cut to the microseconds that Postgres stores, so that a time read back
/// equals the time written.
#[allow(clippy::disallowed_methods)]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
