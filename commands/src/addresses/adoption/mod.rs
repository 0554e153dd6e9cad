//! The one-time upgrade of addresses that were in use before they were verified.
//!
//! It cannot be a migration: addresses are sealed in the log, and claims are keyed
//! fingerprints. Addresses that an account administrator or the installation itself wrote count
//! as assigned; the rest may be used for a grace period. Of several accounts with one address
//! the first that was created receives there, active accounts before others.

mod sms_senders;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{Entity, people::normal_address};
use domain::{
    Event, Id,
    access::{Permission, PermissionEvent, Role, User},
    people::{
        Account, AccountCommand, AccountEvent, AccountProfile, AddressAssignment, AddressField,
    },
};
use eventstore::{Loaded, LockName, Metadata, Position, Recorded, Store, StoreError};
use sqlx::PgPool;

use super::{AddressPolicy, fingerprint};
use crate::{CommandError, Commands};

/// The upgrades' names in `identity.upgrades`.
const ADDRESSES: &str = "addresses";
const SMS_SENDERS: &str = "sms_senders";
/// Time limit for a process that waits for another one's upgrade.
const TIME_LIMIT: Duration = Duration::from_secs(3600);
/// Events that are read in one query, and accounts whose commands are sent in one append.
const PAGE: i64 = 1_000;
const BATCH: usize = 200;
/// The most passes over the accounts, in case other processes change them meanwhile.
const PASSES: usize = 5;
/// The permission whose holders assign addresses.
const ACCOUNT_ADMIN: &str = "account_admin";

/// The terms of the upgrade.
#[derive(Clone, Copy, Debug)]
pub struct Adoption {
    /// The policy under which addresses are adopted.
    pub policy: AddressPolicy,
    /// The end of the grace period.
    pub until: DateTime<Utc>,
    /// The present time.
    pub at: DateTime<Utc>,
}

/// An account with an address, as the log has it.
#[derive(Default)]
struct Candidate {
    account: Account,
    created: Position,
    /// The user who wrote each present address; none for the installation itself.
    writers: BTreeMap<AddressField, Option<Id<User>>>,
}

/// Gives accounts, once, a right to the addresses and SMS senders that they use; answers the
/// position of the last event, if there was one. Other processes wait meanwhile.
///
/// # Errors
/// When the database does not answer; then the next start continues the upgrade.
pub async fn adopt(commands: &Commands, terms: Adoption) -> Result<Option<Position>, CommandError> {
    let locks = commands.store().locks();
    loop {
        let alone = locks
            .lock_within(LockName::AddressUpgrade, TIME_LIMIT)
            .await;
        let alone = alone.map_err(StoreError::Database)?;
        let alone = alone.ok_or(CommandError::Contended)?;
        tokio::select! {
            adopted = adopt_alone(commands, terms) => {
                alone.release().await;
                return adopted;
            }
            () = alone.lost() => tracing::warn!("the upgrade of addresses begins again: its lock was lost"),
        }
    }
}

async fn adopt_alone(
    commands: &Commands,
    terms: Adoption,
) -> Result<Option<Position>, CommandError> {
    let pool = commands.store().pool();
    let mut last = None;
    if !is_done(pool, ADDRESSES).await? {
        let (accounts, position) = adopt_addresses(commands, terms).await?;
        last = last.max(position);
        done(pool, ADDRESSES, (terms.at, accounts)).await?;
    }
    if !is_done(pool, SMS_SENDERS).await? {
        let (accounts, position) = sms_senders::adopt(commands, terms).await?;
        last = last.max(position);
        done(pool, SMS_SENDERS, (terms.at, accounts)).await?;
    }
    Ok(last)
}

async fn is_done(pool: &PgPool, name: &str) -> Result<bool, StoreError> {
    let is_done =
        sqlx::query_scalar("select exists (select from identity.upgrades where name = $1)")
            .bind(name)
            .fetch_one(pool)
            .await?;
    Ok(is_done)
}

async fn done(
    pool: &PgPool,
    name: &str,
    (at, accounts): (DateTime<Utc>, usize),
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into identity.upgrades (name, done_at, accounts) values ($1, $2, $3) \
         on conflict (name) do nothing",
    )
    .bind(name)
    .bind(at)
    .bind(i64::try_from(accounts).unwrap_or(i64::MAX))
    .execute(pool)
    .await?;
    Ok(())
}

/// Gives accounts their rights; answers the number of accounts and the position of the last
/// event. An account that a process of the version before changes meanwhile is decided on again.
async fn adopt_addresses(
    commands: &Commands,
    terms: Adoption,
) -> Result<(usize, Option<Position>), CommandError> {
    let mut last = None;
    for pass in 1.. {
        let adopted = adopt_once(commands, terms).await?;
        last = last.max(adopted.last);
        if adopted.refused.is_empty() {
            return Ok((adopted.accounts, last));
        }
        if pass == PASSES {
            let accounts = &adopted.refused;
            tracing::warn!(
                ?accounts,
                "accounts have no right to the addresses that they used"
            );
            return Ok((adopted.accounts, last));
        }
    }
    unreachable!("the last pass returns")
}

/// The result of one pass over all accounts.
struct Adopted {
    accounts: usize,
    refused: Vec<i64>,
    last: Option<Position>,
}

async fn adopt_once(commands: &Commands, terms: Adoption) -> Result<Adopted, CommandError> {
    let store = commands.store();
    let candidates = candidates(store).await?;
    let writers = candidates.iter().flat_map(|(_, it)| it.writers.values());
    let administrators = administrators(store, writers.copied().flatten()).await?;
    let mut last = None;
    let mut refused = Vec::new();
    for field in AddressField::ALL {
        let decided = decide(store, &candidates, &administrators, field, terms).await?;
        for batch in decided.chunks(BATCH) {
            let sent = commands
                .send_many(
                    batch.to_vec(),
                    &Metadata::of_process("address upgrade"),
                    Vec::new(),
                )
                .await?;
            for ((id, _), answer) in batch.iter().zip(sent) {
                match answer {
                    Ok(committed) => last = last.max(committed.position),
                    Err(refusal) => {
                        tracing::debug!(account.id = %id, %refusal, "an address is not adopted yet");
                        refused.push(id.get());
                    }
                }
            }
        }
    }
    Ok(Adopted {
        accounts: candidates.len(),
        refused,
        last,
    })
}

/// Reads all events of one kind of aggregate, in their order.
async fn for_each_event<A: Entity>(
    store: &Store,
    mut take: impl FnMut(&Recorded),
) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let types = &[A::TYPE];
        let events = store.log().read_types(types, after, PAGE).await?;
        let Some(last) = events.last() else {
            return Ok(());
        };
        after = last.position;
        events.iter().for_each(|recorded| take(recorded));
    }
}

/// The accounts of existing users or of no user, in the order of their precedence: those that
/// can receive first, then by creation.
async fn candidates(store: &Store) -> Result<Vec<(Id<Account>, Candidate)>, StoreError> {
    let mut found: HashMap<Id<Account>, Candidate> = HashMap::new();
    for_each_event::<Account>(store, |recorded| {
        if let Event::Account(event) = &recorded.event {
            let candidate = found.entry(recorded.id()).or_default();
            candidate.apply(recorded, event);
        }
    })
    .await?;
    let mut candidates: Vec<_> = found.into_iter().collect();
    candidates.retain(|(_, it)| it.account.exists());
    let users = owners(store, &candidates).await?;
    // Accounts of deleted users get no right that deprovisioning would have to revoke.
    candidates.retain(|(_, it)| {
        let owner = it.account.owning_user();
        owner.is_none_or(|it| users.get(&it).is_some_and(|user| user.aggregate.exists()))
    });
    let receives = |it: &Candidate| {
        let owner = it.account.owning_user().and_then(|owner| users.get(&owner));
        it.account.is_active() && owner.is_some_and(|owner| owner.aggregate.is_active())
    };
    candidates.sort_by_key(|(_, it)| (!receives(it), it.created));
    Ok(candidates)
}

async fn owners(
    store: &Store,
    candidates: &[(Id<Account>, Candidate)],
) -> Result<HashMap<Id<User>, Loaded<User>>, StoreError> {
    let owners = candidates
        .iter()
        .filter_map(|(_, it)| it.account.owning_user());
    let owners: HashSet<Id<User>> = owners.collect();
    store
        .load_many(&owners.into_iter().collect::<Vec<_>>())
        .await
}

impl Candidate {
    fn apply(&mut self, recorded: &Recorded, event: &AccountEvent) {
        if matches!(event, AccountEvent::AccountCreated { .. }) {
            self.created = recorded.position;
        }
        let before = normal(self.account.profile());
        self.account.apply(event.clone());
        let after = normal(self.account.profile());
        for (field, address) in after {
            if address.is_some() && before.get(&field) != Some(&address) {
                self.writers.insert(field, recorded.metadata.user_id);
            }
        }
    }
}

fn normal(profile: &AccountProfile) -> BTreeMap<AddressField, Option<String>> {
    let fields = AddressField::ALL.into_iter();
    fields
        .map(|field| (field, field.value(profile).map(normal_address)))
        .collect()
}

/// The writers who hold [`ACCOUNT_ADMIN`], through a role or directly. A deleted user counts by
/// the rights held at deletion.
async fn administrators(
    store: &Store,
    writers: impl Iterator<Item = Id<User>>,
) -> Result<HashSet<Id<User>>, StoreError> {
    let writers: HashSet<Id<User>> = writers.collect();
    let writers: Vec<_> = writers.into_iter().collect();
    let users = store.load_many(&writers).await?;
    let roles: HashSet<Id<Role>> = users
        .values()
        .flat_map(|user| user.aggregate.roles())
        .collect();
    let roles = store
        .load_many(&roles.into_iter().collect::<Vec<_>>())
        .await?;
    let permissions = permissions(store).await?;
    let holds = |granted: &std::collections::BTreeSet<Id<Permission>>| {
        permissions.iter().any(|wanted| granted.contains(wanted))
    };
    let is_administrator = |user: &User| {
        let mut held = user.roles().filter_map(|role| roles.get(&role));
        let mut rights = user.rights().values();
        rights.any(|rights| holds(&rights.permissions))
            || held.any(|role| holds(role.aggregate.permissions()))
    };
    let administrators = users
        .iter()
        .filter(|(_, user)| is_administrator(&user.aggregate));
    Ok(administrators.map(|(id, _)| *id).collect())
}

/// The permissions named [`ACCOUNT_ADMIN`], read from the log because the read model may be
/// behind.
async fn permissions(store: &Store) -> Result<Vec<Id<Permission>>, StoreError> {
    let mut ids = Vec::new();
    for_each_event::<Permission>(store, |recorded| {
        if let Event::Permission(PermissionEvent::PermissionCreated { id, name, .. }) =
            &recorded.event
            && name.as_str() == ACCOUNT_ADMIN
        {
            ids.push(*id);
        }
    })
    .await?;
    Ok(ids)
}

/// The commands that give accounts a right to the address in a field.
async fn decide(
    store: &Store,
    candidates: &[(Id<Account>, Candidate)],
    administrators: &HashSet<Id<User>>,
    field: AddressField,
    terms: Adoption,
) -> Result<Vec<(Id<Account>, AccountCommand)>, StoreError> {
    let mut holders = holders(store, candidates, field).await?;
    let mut decided = Vec::new();
    for (id, candidate) in candidates {
        let Some(address) = candidate.account.address(field) else {
            continue;
        };
        if candidate.account.grant(field).is_some() {
            continue;
        }
        let fingerprint = fingerprint(store, field, address);
        let holder = holders.entry(fingerprint.clone()).or_insert(*id);
        let assignment = AddressAssignment {
            field,
            address: normal_address(address),
            fingerprint,
            receives: holder == id,
        };
        let writer = candidate.writers.get(&field).copied().flatten();
        let assigned = terms.policy == AddressPolicy::Trusted
            || writer.is_none_or(|writer| administrators.contains(&writer));
        let command = if assigned {
            AccountCommand::AssignAddress(assignment)
        } else {
            AccountCommand::ProvideAddress {
                assignment,
                until: terms.until,
            }
        };
        decided.push((*id, command));
    }
    Ok(decided)
}

/// The claims that are held already, so that an interrupted upgrade continues from them.
async fn holders(
    store: &Store,
    candidates: &[(Id<Account>, Candidate)],
    field: AddressField,
) -> Result<HashMap<String, Id<Account>>, StoreError> {
    let addresses = candidates
        .iter()
        .filter_map(|(_, it)| it.account.address(field));
    let fingerprints: Vec<_> = addresses.map(|it| fingerprint(store, field, it)).collect();
    store.holders_of(field.claim_scope(), &fingerprints).await
}
