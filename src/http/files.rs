//! File descriptors: raising their limit, and the connections that it leaves room for.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The most connections that are open at the same time, unless the setting says otherwise.
const MAX_CONNECTIONS: usize = 10_000;
const FEWEST: usize = 16;
/// Descriptors of listeners, the log, the runtime, and files that are open for a moment.
const OWN: u64 = 64;
/// The limit that is assumed if it cannot be read.
const USUAL: u64 = 1_024;

/// Raises the soft limit on open files to the hard one; returns the limit that holds then.
pub fn raise_limit() -> u64 {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => {
            tracing::warn!(%error, "the limit on open files cannot be read");
            return USUAL;
        }
    };
    if soft >= hard {
        return soft;
    }
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!(%error, soft, hard, "the limit on open files cannot be raised");
            soft
        }
    }
}

/// The connections that may be open below a limit on open files, when `others` are counted
/// elsewhere: three quarters of the rest, so that a quarter is left for connections to providers,
/// uploads and conversions. A smaller `wanted` is taken as it is; more than 10,000 are open only if
/// `wanted`.
pub fn connections_within(limit: u64, others: u64, wanted: Option<usize>) -> usize {
    let left = limit.saturating_sub(OWN).saturating_sub(others);
    let room = usize::try_from(left / 4 * 3).unwrap_or(usize::MAX);
    let room = room.max(FEWEST);
    match wanted {
        None => room.min(MAX_CONNECTIONS),
        Some(wanted) if wanted <= room => wanted,
        Some(wanted) => {
            let why = "the limit on open files leaves no room for more";
            tracing::warn!(wanted, connections = room, "{why}");
            room
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_left_for_everything_else() {
        assert_eq!(connections_within(1_024, 16, None), 708);
        assert_eq!(connections_within(1_024, 416, None), 408);
    }

    #[test]
    fn there_are_some_connections_below_any_limit() {
        assert_eq!(connections_within(20, 400, None), 16);
        assert_eq!(connections_within(u64::MAX, 16, None), 10_000);
    }

    #[test]
    fn wanted_connections_fit_the_file_limit() {
        assert_eq!(connections_within(1_024, 16, Some(100)), 100);
        assert_eq!(connections_within(1_024, 16, Some(1_000)), 708);
        assert_eq!(connections_within(100_000, 16, Some(20_000)), 20_000);
    }
}
