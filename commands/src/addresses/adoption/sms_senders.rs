//! Adoption of the SMS senders that accounts named before users had a list of permitted ones.
//!
//! Senders that an account administrator set are listed for the account's user; others may be
//! named for the grace period. An account's own number needs no entry.

use std::collections::{BTreeMap, HashMap};

use cqrs_es::Aggregate;
use domain::{
    Entity, Event, Id, Refusal,
    access::{User, UserCommand},
    outreach::{SMS_SENDER, SenderId, is_same_sender},
    people::{Account, AccountEvent, AddressField},
};
use eventstore::{Metadata, Position, Store, StoreError};

use super::{Adoption, administrators, for_each_event};
use crate::{CommandError, Commands, addresses::AddressPolicy};

/// An account as the log has it, and the user who set its sender.
#[derive(Default)]
struct Candidate {
    account: Account,
    writer: Option<Id<User>>,
}

/// The senders that the accounts of a user name.
#[derive(Default)]
struct Named {
    listed: Vec<SenderId>,
    provisional: Vec<SenderId>,
}

/// Lists the senders in use; answers the number of accounts that name a sender other than their
/// own number, and the position of the last event.
pub(super) async fn adopt(
    commands: &Commands,
    terms: Adoption,
) -> Result<(usize, Option<Position>), CommandError> {
    let store = commands.store();
    let candidates = candidates(store).await?;
    let writers = candidates.iter().filter_map(|it| it.writer);
    let administrators = administrators(store, writers).await?;
    let mut users: BTreeMap<Id<User>, Named> = BTreeMap::new();
    for Candidate { account, writer } in &candidates {
        let sender = account.setting(SMS_SENDER).and_then(|it| it.parse().ok());
        let (Some(owner), Some(sender)) = (account.owning_user(), sender) else {
            continue;
        };
        let named = users.entry(owner).or_default();
        let is_assigned = terms.policy == AddressPolicy::Trusted
            || writer.is_none_or(|writer| administrators.contains(&writer));
        if is_assigned {
            named.listed.push(sender);
        } else {
            named.provisional.push(sender);
        }
    }
    let mut last = None;
    for (user, named) in users {
        last = last.max(provide(commands, user, named, terms).await?);
    }
    Ok((candidates.len(), last))
}

/// Adds senders to the list of one user.
async fn provide(
    commands: &Commands,
    id: Id<User>,
    named: Named,
    terms: Adoption,
) -> Result<Option<Position>, CommandError> {
    let adopt = UserCommand::AdoptSmsSenders {
        listed: named.listed,
        provisional: named.provisional,
        until: terms.until,
    };
    let sent = commands
        .send_many(
            vec![(id, adopt)],
            &Metadata::of_process("address upgrade"),
            Vec::new(),
        )
        .await?;
    let mut last = None;
    for answer in sent {
        match answer {
            Ok(committed) => last = last.max(committed.position),
            // The user is deleted; its accounts keep its id.
            Err(Refusal::NotFound) => {}
            Err(refusal) => {
                tracing::warn!(user.id = %id, %refusal, "senders of short messages are not listed");
            }
        }
    }
    Ok(last)
}

/// The accounts that name a sender which is not their own number.
async fn candidates(store: &Store) -> Result<Vec<Candidate>, StoreError> {
    let mut found: HashMap<Id<Account>, Candidate> = HashMap::new();
    for_each_event::<Account>(store, |recorded| {
        let Event::Account(event) = &recorded.event else {
            return;
        };
        let candidate = found.entry(recorded.id()).or_default();
        candidate.account.apply(event.clone());
        let names = matches!(event,
            AccountEvent::AccountSettingSet { name, .. } if name == SMS_SENDER);
        if names {
            candidate.writer = recorded.metadata.user_id;
        }
    })
    .await?;
    let is_foreign = |it: &Candidate| {
        let own = it.account.address(AddressField::Phone);
        let named = it.account.setting(SMS_SENDER);
        named.is_some_and(|named| !own.is_some_and(|own| is_same_sender(own, named)))
    };
    let mut candidates: Vec<Candidate> = found.into_values().collect();
    candidates.retain(|it| it.account.exists() && is_foreign(it));
    Ok(candidates)
}
