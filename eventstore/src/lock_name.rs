//! The names of all advisory locks of an installation, and the keys that Postgres knows them by.
//!
//! Postgres has two key spaces, of a pair of 32-bit numbers and of one 64-bit number, in which all
//! programs on a database meet. So every lock stands here, where two of the same key would be
//! seen. The keys stay as they are: processes of the version before take the same locks during a
//! rolling update.

use sqlx::{PgConnection, Postgres, QueryBuilder};

/// The name of a lock that processes exclude each other by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockName<'a> {
    /// Leadership of the subscriber of this name.
    Subscriber(&'a str),
    /// Leadership of the policies.
    Policies,
    /// A rebuild of the projection of this name.
    Rebuild(&'a str),
    /// The upgrade of accounts from before addresses were verified.
    AddressUpgrade,
    /// The creation of permissions, roles and the first user at a start.
    Bootstrap,
    /// A decision about rights that depends on those of others.
    Rights,
    /// An import of contacts into the group of this id.
    GroupImport(i64),
    /// The division of the channels of the provider of this id among workers.
    ProviderChannels(i64),
    /// The creation of users and accounts in the tenant of this id, which has limits on them.
    TenantRoom(i64),
    /// The parts of the message that are stored under this name.
    MessageParts(&'a str),
}

/// The key of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key<'a> {
    /// A class, and the 32-bit hash of a text.
    Text(i32, &'a str),
    /// A class, and the 32-bit hash of an id.
    Id(i32, i64),
    /// Two numbers.
    Pair(i32, i32),
    /// One number.
    Whole(i64),
    /// The 64-bit hash of a text under a seed.
    Seeded(&'a str, i64),
}

impl<'a> LockName<'a> {
    const fn key(self) -> Key<'a> {
        // The classes are four letters.
        match self {
            Self::Subscriber(name) => Key::Text(0x4c45_4144, name),
            Self::Policies => Key::Pair(0x4c45_4144, 0x706f_6c69),
            Self::Rebuild(name) => Key::Text(0x5245_4255, name),
            Self::AddressUpgrade => Key::Text(0x5550_4752, "addresses"),
            Self::GroupImport(group) => Key::Id(0x494d_504f, group),
            Self::Bootstrap => Key::Whole(5_497_853_401),
            Self::Rights => Key::Whole(5_497_853_402),
            Self::ProviderChannels(provider) => Key::Seeded("provider_channels", provider),
            Self::TenantRoom(tenant) => Key::Id(0x524f_4f4d, tenant),
            Self::MessageParts(name) => Key::Seeded(name, 25),
        }
    }

    /// Takes the lock in the transaction of this connection, and waits for it. It is released with
    /// the transaction.
    ///
    /// # Errors
    /// When the database does not answer, or `lock_timeout` has passed.
    pub async fn lock_in_transaction(self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut call = self.call("pg_advisory_xact_lock");
        call.build().execute(db).await?;
        Ok(())
    }

    /// Takes the lock for the session of this connection; false if it is held elsewhere. It is
    /// released with the connection. [`Locks`](crate::Locks) has one for all other locks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_lock_in_session(self, db: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let mut call = self.call("pg_try_advisory_lock");
        call.build_query_scalar().fetch_one(db).await
    }

    /// A call of one of the functions that Postgres has for advisory locks.
    pub(crate) fn call(self, function: &str) -> QueryBuilder<'a, Postgres> {
        let mut sql = QueryBuilder::new(format!("select {function}("));
        match self.key() {
            Key::Text(class, text) => {
                sql.push_bind(class).push(", hashtext(").push_bind(text);
                sql.push(")")
            }
            Key::Id(class, id) => {
                sql.push_bind(class).push(", hashint8(").push_bind(id);
                sql.push(")")
            }
            Key::Pair(class, number) => sql.push_bind(class).push(", ").push_bind(number),
            Key::Whole(number) => sql.push_bind(number),
            Key::Seeded(text, seed) => {
                sql.push("hashtextextended(").push_bind(text);
                sql.push(", ").push_bind(seed).push(")")
            }
        };
        sql.push(")");
        sql
    }
}
