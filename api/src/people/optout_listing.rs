//! Listing of addresses on a user's do-not-contact list.
//!
//! An address that is listed already is found by its claim, which is never behind the log, so that
//! whoever lists an address twice, in whichever spelling, gets the same opt-out.

use std::collections::HashMap;

use commands::{CommandError, suppression::Suppression};
use cqrs_es::Aggregate as _;
use domain::{
    Id, Owner,
    people::{Address, Channel, OptOut, OptOutCommand, OptOutSource},
    values::Line,
};
use eventstore::{Position, StoreError};

use crate::{
    Error, Result,
    authorization::{Caller, Create, Writer},
    idempotency::{IdempotentRequest, Recipe},
};

/// The most attempts while other requests list the same addresses.
const ATTEMPTS: usize = 4;

/// An address that is to be listed.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub channel: Channel,
    pub address: Address,
    pub reason: Option<Line>,
}

/// The opt-out of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Put {
    pub id: Id<OptOut>,
    /// True if this request created it.
    pub is_new: bool,
}

/// The do-not-contact lists, for look-ups.
pub(super) fn suppression(caller: &Caller) -> Suppression {
    Suppression::new(caller.app().commands().store().clone())
}

/// Lists these addresses, all new ones in one transaction, and returns their opt-outs in the same
/// order. An address that is listed already stays as it is. `answer` gives the recipe for answering
/// the request again.
pub(super) async fn put(
    optouts: &Writer<OptOut, Create>,
    owner: Owner,
    source: OptOutSource,
    wanted: &[Wanted],
    answer: impl Fn(&[Put]) -> Option<Recipe>,
) -> Result<(Vec<Put>, Option<Position>)> {
    let (lists, commands) = (suppression(optouts.caller()), optouts.commands());
    let fingerprint = |one: &Wanted| lists.fingerprint(owner, one.channel, one.address.as_str());
    let fingerprints: Vec<String> = wanted.iter().map(fingerprint).collect();
    for _ in 0..ATTEMPTS {
        let there = lists.with(&fingerprints).await?;
        let ids = commands.next_ids(OptOut::TYPE, wanted.len()).await?;
        let puts = assigned(&fingerprints, there, ids);
        let new = puts.iter().zip(wanted).zip(&fingerprints);
        let new = new.filter(|((put, _), _)| put.is_new);
        let new = new.map(|((put, one), fingerprint)| {
            let add = OptOutCommand::Add {
                id: put.id,
                owner,
                channel: one.channel,
                address: one.address.clone(),
                fingerprint: fingerprint.clone(),
                reason: one.reason.clone(),
                source,
            };
            (put.id, vec![add])
        });
        let new: Vec<_> = new.collect();
        if new.is_empty() {
            return Ok((puts, None));
        }
        let mut metadata = optouts.metadata()?;
        IdempotentRequest::answer(&mut metadata, || {
            answer(&puts).and_then(|recipe| recipe.text())
        });
        match commands.send_many_new(new, &metadata).await {
            Ok(added) => {
                let mut last = None;
                for committed in added {
                    last = last.max(committed?.position);
                }
                return Ok((puts, last));
            }
            // Another request listed one of the addresses just now.
            Err(CommandError::Store(StoreError::Taken { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Unavailable("others list the same; try again"))
}

/// The opt-out of each address: the existing one, or a new one for the first of equal addresses.
fn assigned(
    fingerprints: &[String],
    mut there: HashMap<String, Id<OptOut>>,
    ids: Vec<Id<OptOut>>,
) -> Vec<Put> {
    let pairs = fingerprints.iter().zip(ids);
    let puts = pairs.map(|(fingerprint, fresh)| match there.get(fingerprint) {
        Some(&id) => Put { id, is_new: false },
        None => {
            there.insert(fingerprint.clone(), fresh);
            let (id, is_new) = (fresh, true);
            Put { id, is_new }
        }
    });
    puts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_twice_is_one_opt_out() {
        let fingerprints = ["a", "b", "a", "c"].map(str::to_owned);
        let there = HashMap::from([("c".to_owned(), Id::new(7))]);
        let puts = assigned(&fingerprints, there, (21..25).map(Id::new).collect());
        let said: Vec<_> = puts.iter().map(|put| (put.id.get(), put.is_new)).collect();
        assert_eq!(said, [(21, true), (22, true), (21, false), (7, false)]);
    }
}
