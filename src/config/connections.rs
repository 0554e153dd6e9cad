//! The shares of a process's parts in its connections to Postgres: together never more than
//! `LEDGERLINE_POSTGRES_CONNECTIONS`.
//!
//! One connection, besides those in [`Connections`], holds the process's locks. A start, before the
//! pools are there, has one connection at a time.

use super::{ConfigError, Role};

/// The connection that holds the locks.
const LOCKS: u32 = 1;
/// The connections of the store's pool that have one task for good: appending, following the log,
/// and listening for notices.
const DEDICATED: u32 = 3;
/// The least for the store's pool. One connection is enough for all else: no task waits for a
/// second one while it has one.
const STORE: u32 = DEDICATED + 1;
/// The least for reading: a change of rights holds a transaction while it reads.
const READERS: u32 = 2;
/// The most for subscribers: one for the queue, one for small read models, one for each heavy one.
const LANES: u32 = 7;

/// The connections of a process, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Connections of the log, commands and the queue.
    pub store: u32,
    /// Connections that answer requests for reading.
    pub readers: u32,
    /// Connections of the subscribers, one for each lane.
    pub lanes: u32,
}

impl Connections {
    /// The store's pool of a command beside a running server.
    pub const BESIDE: u32 = STORE;
    /// The fewest connections with which any process works: a rebuild opens two beside that pool.
    pub const LEAST: u32 = Self::BESIDE + 2;

    /// The fewest connections with which a role works.
    pub fn least(role: Role) -> u32 {
        let least = LOCKS + STORE + readers(role) + u32::from(has_lanes(role));
        least.max(Self::LEAST)
    }

    /// Divides `total` connections.
    ///
    /// # Errors
    /// When they are too few for the role.
    pub fn share(total: u32, role: Role) -> Result<Self, ConfigError> {
        let least = Self::least(role);
        if total < least {
            return Err(ConfigError::Wrong {
                setting: "LEDGERLINE_POSTGRES_CONNECTIONS".to_owned(),
                given: format!("\"{total}\""),
                expected: format!("at least {least} for role {role}"),
            });
        }
        let free = total - LOCKS;
        let lanes = if has_lanes(role) {
            (free / 4).clamp(1, LANES)
        } else {
            0
        };
        let both = free - lanes;
        let readers = match readers(role) {
            0 => 0,
            least => ((both - DEDICATED) / 2).max(least),
        };
        Ok(Self {
            store: both - readers,
            readers,
            lanes,
        })
    }
}

fn has_lanes(role: Role) -> bool {
    matches!(role, Role::All | Role::Projector)
}

fn readers(role: Role) -> u32 {
    match role {
        Role::All | Role::Api => READERS,
        Role::Worker | Role::Projector => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::All, Role::Api, Role::Worker, Role::Projector];

    #[test]
    fn the_shares_of_any_setting_add_up_to_it() {
        for role in ROLES {
            for total in Connections::least(role)..=500 {
                let shares = Connections::share(total, role).unwrap();
                let Connections {
                    store,
                    readers: shared,
                    lanes,
                } = shares;
                assert_eq!(LOCKS + store + shared + lanes, total, "{role} {shares:?}");
                assert!(store >= STORE, "{role} {total} {shares:?}");
                assert!(shared >= readers(role), "{role} {total} {shares:?}");
                assert_eq!(lanes > 0, has_lanes(role), "{role} {total} {shares:?}");
            }
        }
    }

    #[test]
    fn the_default_leaves_most_to_requests_and_sending() {
        let shares = Connections::share(32, Role::All).unwrap();
        let expected = Connections {
            store: 14,
            readers: 10,
            lanes: 7,
        };
        assert_eq!(shares, expected);
    }

    #[test]
    fn too_few_for_the_role_are_refused_with_the_least() {
        for (role, least) in ROLES.into_iter().zip([8, 7, 6, 6]) {
            let said = Connections::share(least - 1, role).unwrap_err().to_string();
            let expected = format!(
                "LEDGERLINE_POSTGRES_CONNECTIONS is \"{}\", but it must be at least {least} for role {role}",
                least - 1
            );
            assert_eq!(said, expected);
        }
    }
}
