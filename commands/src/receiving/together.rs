//! Many at a time: gathered while those before them are put on record.

use std::{collections::HashMap, sync::Arc};

use domain::{Id, access::User, delivery::Transmission};
use eventstore::{Metadata, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::{Brought, Desk, NotTaken, Receipt, TOGETHER, lookup::Refusal, record::Coming};
use crate::CommandError;

/// How often one is begun anew when somebody else was faster.
const ATTEMPTS: usize = 5;

/// Somebody waits for what becomes of it.
#[derive(Debug)]
pub(super) struct Asked {
    pub brought: Brought,
    pub answer: oneshot::Sender<Result<Receipt, NotTaken>>,
}

/// Takes in what is asked for, until nobody can ask any more.
pub(super) async fn work(desk: Arc<Desk>, mut asking: mpsc::Receiver<Asked>) {
    let mut asked = Vec::with_capacity(TOGETHER);
    while asking.recv_many(&mut asked, TOGETHER).await > 0 {
        let (brought, answers): (Vec<_>, Vec<_>) =
            asked.drain(..).map(|it| (it.brought, it.answer)).unzip();
        let desk = Arc::clone(&desk);
        // A task of its own: whoever brought what makes it fail gets no answer, and the
        // next ones do.
        let taken = tokio::spawn(async move { desk.take_all(&brought).await });
        match taken.await {
            Ok(taken) => {
                for (answer, taken) in answers.into_iter().zip(taken) {
                    // Who does not wait any more brings it again.
                    let _ = answer.send(taken);
                }
            }
            Err(error) => tracing::error!(%error, "what came in could not be handled"),
        }
    }
}

impl Desk {
    /// Together if nobody else is faster and each can be taken, otherwise one by one.
    async fn take_all(&self, brought: &[Brought]) -> Vec<Result<Receipt, NotTaken>> {
        match self.try_take(brought).await {
            Ok(receipts) => receipts.into_iter().map(Ok).collect(),
            // What the database will not have is one of them: the others go on without it.
            Err(error) if is_race(&error) || (brought.len() > 1 && is_refused(&error)) => {
                let mut receipts = Vec::with_capacity(brought.len());
                for one in brought {
                    receipts.push(self.take_alone(one).await.map_err(NotTaken::from));
                }
                receipts
            }
            Err(error) => vec![Err(error.into()); brought.len()],
        }
    }

    async fn take_alone(&self, brought: &Brought) -> Result<Receipt, CommandError> {
        for _ in 0..ATTEMPTS {
            match self.try_take(std::slice::from_ref(brought)).await {
                // The message, the contact or the opt-out is there by now.
                Err(error) if is_race(&error) => {}
                taken => return Ok(taken?.remove(0)),
            }
        }
        Err(CommandError::Contended)
    }

    /// One receipt for each.
    async fn try_take(&self, brought: &[Brought]) -> Result<Vec<Receipt>, CommandError> {
        let keys = self.keys(brought);
        let known = self.known(&keys).await?;
        let mut receipts: Vec<Option<Receipt>> = vec![None; brought.len()];
        let mut twice = Vec::new();
        let mut first = HashMap::new();
        let mut open = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if key.all().any(|key| known.contains(key)) {
                receipts[at] = Some(Receipt::Known);
            } else if let Some(&before) = key.all().find_map(|key| first.get(key)) {
                twice.push((at, before));
            } else {
                // Also by the one of before: two may stand on either side of a boundary.
                first.extend(key.all().map(|key| (key, at)));
                open.push(at);
            }
        }
        let counters = self.counters(open.iter().map(|&at| &brought[at])).await?;
        let mut wanted = Vec::with_capacity(open.len());
        // What nobody reads, a wish of its sender's holds all the same.
        let mut unread = Vec::new();
        for (at, counter) in open.into_iter().zip(counters) {
            match counter {
                Ok(counter) => wanted.push((at, counter)),
                Err(Refusal { reason, owner }) => {
                    receipts[at] = Some(Receipt::Refused(reason));
                    unread.extend(owner.map(|owner| (at, owner, &brought[at])));
                }
            }
        }
        let coming: Vec<_> = wanted
            .iter()
            .map(|(at, counter)| Coming {
                at: *at,
                brought: &brought[*at],
                key: &keys[*at].now,
                counter,
            })
            .collect();
        let ids = self.record(&coming, &unread).await?;
        for ((at, _), id) in wanted.iter().zip(ids) {
            receipts[*at] = Some(Receipt::Taken(id));
        }
        for (at, before) in twice {
            receipts[at] = match &receipts[before] {
                Some(Receipt::Taken(_)) => Some(Receipt::Known),
                same => same.clone(),
            };
        }
        Ok(receipts.into_iter().flatten().collect())
    }

    /// Appends all of them; their transmissions, in the same order.
    async fn record(
        &self,
        coming: &[Coming<'_>],
        unread: &[(usize, Id<User>, &Brought)],
    ) -> Result<Vec<Id<Transmission>>, CommandError> {
        let senders = self.senders(coming).await?;
        let listed = self.listed(coming).await?;
        let read = coming
            .iter()
            .map(|it| (it.at, it.counter.owner(), it.brought));
        let last_wishes = self.last_wishes(read.chain(unread.iter().copied()));
        let mut together = self.commands.together();
        let mut ids = Vec::with_capacity(coming.len());
        for (one, sender) in coming.iter().zip(senders) {
            if let Some(meet) = sender.meet {
                settled(together.create(sender.contact, vec![meet]).await?)?;
            }
            ids.push(self.arrive(&mut together, one, sender.contact).await?);
            if last_wishes.contains(&one.at) {
                self.heed(&mut together, one, sender.contact, &listed)
                    .await?;
            }
        }
        for (at, owner, brought) in unread {
            if last_wishes.contains(at) {
                self.heed_unread(&mut together, *owner, brought).await?;
            }
        }
        together.commit(&Metadata::default()).await?;
        Ok(ids)
    }
}

/// What an aggregate refused in spite of what was looked up: somebody was faster.
pub(super) fn settled<E>(decided: Result<(), E>) -> Result<(), CommandError> {
    decided.map_err(|_| CommandError::Contended)
}

/// Whether the database was there, and did not take what it was given.
fn is_refused(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Store(StoreError::Database(sqlx::Error::Database(_)))
    )
}

fn is_race(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Contended | CommandError::Store(StoreError::Taken { .. })
    )
}
