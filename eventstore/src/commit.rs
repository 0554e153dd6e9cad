//! Prepares decided events and appends them: numbered, sealed, with the effects that are part
//! of the same transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use cqrs_es::DomainEvent;
use domain::{Claim, Entity, Id, Subject};
use serde::de::DeserializeOwned;
use tokio::task::coop;

use crate::{
    Cause, Committed, Effect, Loaded, Metadata, Position, Store, StoreError,
    appender::random_id,
    clock,
    codec::{Encoded, Place, unseal},
    keys::SubjectKey,
    member::{Effects, Member, NewEvent},
    snapshots,
};

impl Store {
    /// Makes decided events ready to be appended: numbered, sealed, with the claims and keys that
    /// are written in the same transaction.
    ///
    /// # Errors
    /// When keys cannot be read or made.
    pub async fn prepare<A: Entity>(
        &self,
        id: Id<A>,
        before: Before,
        aggregate: A,
        events: Vec<A::Event>,
    ) -> Result<Prepared<A>, StoreError> {
        let alone = Batch::default();
        self.prepare_within(&alone, id, before, aggregate, events)
            .await
    }

    /// As [`Store::prepare`], for a batch: the events may hold personal data of subjects that the
    /// batch creates, if their creation was added to it before.
    ///
    /// # Errors
    /// When keys cannot be read or made.
    pub async fn prepare_within<A: Entity>(
        &self,
        batch: &Batch,
        id: Id<A>,
        before: Before,
        aggregate: A,
        events: Vec<A::Event>,
    ) -> Result<Prepared<A>, StoreError> {
        // A caller that prepares many aggregates yields to other tasks.
        coop::consume_budget().await;
        let own = id.subject();
        let mut encoded = Vec::with_capacity(events.len());
        let mut subjects = HashSet::new();
        for event in events {
            let json = Encoded::encode(&event);
            let json =
                json.map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))?;
            subjects.extend(json.subjects.iter().cloned());
            encoded.push((event, json));
        }
        let mut effects = Effects::default();
        let mut new_key = None;
        if before.version == 0 && subjects.remove(&own) {
            let (key, sealed) = self.0.keys.create(&own)?;
            effects.keys.push((own.clone(), sealed));
            new_key = Some((own, key));
        }
        let made = |subject: &Subject| Some((subject.clone(), batch.keys.get(subject)?.clone()));
        let of_batch: HashMap<_, _> = subjects.iter().filter_map(made).collect();
        subjects.retain(|subject| !of_batch.contains_key(subject));
        let mut keys = if subjects.is_empty() {
            HashMap::new()
        } else {
            self.0.keys.read(subjects).await?
        };
        keys.extend(of_batch);
        keys.extend(new_key.clone());
        let mut new_events = Vec::with_capacity(encoded.len());
        let aggregate_id = id.to_string();
        for (sequence, (event, json)) in (before.version + 1..).zip(encoded) {
            let place = Place {
                aggregate_type: A::TYPE,
                aggregate_id: &aggregate_id,
                sequence,
            };
            let is_whole = json
                .subjects
                .iter()
                .all(|subject| keys.contains_key(subject));
            let (event_type, event_version) = (event.event_type(), event.event_version());
            let payload = json.seal(place, &keys)?;
            // Subscribers get the event as a reader of the log would: without erased data.
            let event = if is_whole {
                event
            } else {
                reread(&payload, place, &keys)?
            };
            new_events.push(NewEvent {
                aggregate_type: A::TYPE,
                aggregate_id: id.get(),
                sequence,
                event_type,
                event_version,
                payload,
                event: event.into(),
            });
        }
        let same = |a: &Claim, b: &Claim| a.scope == b.scope && a.value == b.value;
        let after = aggregate.claims();
        let gone = before
            .claims
            .iter()
            .filter(|old| !after.iter().any(|new| same(old, new)));
        let holder = format!("{}/{id}", A::TYPE);
        let gone = gone.map(|claim| (claim.clone(), holder.clone()));
        effects.release.extend(gone);
        for claim in after {
            if !before.claims.iter().any(|old| same(old, &claim)) {
                effects.claim.push((claim, holder.clone()));
            }
        }
        effects.erase.extend(aggregate.erased());
        Ok(Prepared {
            state: AppliedState {
                id,
                before: before.version,
                aggregate,
                events: new_events.len(),
                new_key,
                cause: before.cause,
            },
            events: new_events,
            effects,
        })
    }

    /// Appends prepared events of several aggregates in one transaction, with effects of other
    /// crates.
    ///
    /// # Errors
    /// As [`Store::commit_batch`].
    pub async fn commit<A: Entity>(
        &self,
        prepared: Vec<Prepared<A>>,
        metadata: Metadata,
        others: Vec<Effect>,
    ) -> Result<Vec<Committed>, StoreError> {
        let mut batch = Batch::default();
        for one in prepared {
            batch.add(one);
        }
        self.commit_batch(batch, metadata, others).await
    }

    /// Appends everything that was put into a batch in one transaction, with effects of other
    /// crates; answers in the order of the batch.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Taken`] for all of it when one of its
    /// aggregates meets it; otherwise when the database does not answer.
    pub async fn commit_batch(
        &self,
        batch: Batch,
        mut metadata: Metadata,
        others: Vec<Effect>,
    ) -> Result<Vec<Committed>, StoreError> {
        let Batch {
            events,
            mut effects,
            states,
            ..
        } = batch;
        effects.others = others;
        effects
            .others
            .extend(metadata.effect.take().map(|late| late.effect()));
        let bulk = metadata.bulk;
        let shared = Arc::new(metadata);
        let caused = states.iter().map(|state| caused_by(&shared, state.cause()));
        let caused: Vec<Arc<Metadata>> = caused.collect();
        let each = states.iter().zip(&caused);
        let each = each.flat_map(|(state, own)| std::iter::repeat_n(own, state.events()));
        let member = Member {
            commit_id: random_id()?,
            occurred_at: clock::now(),
            bulk,
            metadata: each.cloned().collect(),
            events,
            effects,
        };
        let appended = self.0.appender.append(member).await;
        let positions = appended.inspect_err(|_| {
            for state in &states {
                state.forget(self);
            }
        })?;
        let mut positions = positions.as_slice();
        let mut committed = Vec::with_capacity(states.len());
        for (state, metadata) in states.into_iter().zip(&caused) {
            let (own, rest) = positions.split_at(state.events().min(positions.len()));
            positions = rest;
            committed.push(state.appended(self, own.last().copied(), metadata));
        }
        Ok(committed)
    }

    fn save_snapshot<A: Entity>(&self, id: Id<A>, state: Loaded<A>) {
        let store = self.clone();
        tokio::spawn(async move {
            let saved = snapshots::save(&store.0.pool, &store.0.keys, id, state).await;
            if let Err(error) = saved {
                tracing::warn!(aggregate.kind = A::TYPE, aggregate.id = %id, %error, "no snapshot");
            }
        });
    }
}

/// The metadata of one aggregate's events.
fn caused_by(shared: &Arc<Metadata>, cause: Option<&Cause>) -> Arc<Metadata> {
    if !shared.reacts {
        return Arc::clone(shared);
    }
    let own = Metadata::clone(shared).because_of(cause);
    if own == **shared {
        Arc::clone(shared)
    } else {
        Arc::new(own)
    }
}

fn reread<E: DeserializeOwned>(
    payload: &str,
    place: Place<'_>,
    keys: &HashMap<Subject, SubjectKey>,
) -> Result<E, StoreError> {
    let unreadable =
        |error: serde_json::Error| StoreError::Database(sqlx::Error::Decode(error.into()));
    let mut value = serde_json::from_str(payload).map_err(unreadable)?;
    unseal(&mut value, place, keys)?;
    serde_json::from_value(value).map_err(unreadable)
}

/// The facts about an aggregate before a decision that the append needs.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The aggregate's sequence.
    pub version: u64,
    /// The unique names it held.
    pub claims: Vec<Claim>,
    /// The cause of the events that a process appends: by default the aggregate's last event.
    pub cause: Option<Cause>,
}

/// Events ready to be appended.
#[derive(Debug)]
pub struct Prepared<A> {
    events: Vec<NewEvent>,
    effects: Effects,
    state: AppliedState<A>,
}

/// Prepared events of aggregates of any kinds, to be appended together.
#[derive(Default)]
pub struct Batch {
    events: Vec<NewEvent>,
    effects: Effects,
    states: Vec<Box<dyn Appended>>,
    /// The keys of the subjects that the batch creates.
    keys: HashMap<Subject, SubjectKey>,
}

impl Batch {
    /// Adds an aggregate's events; each aggregate must be added only once.
    pub fn add<A: Entity>(&mut self, prepared: Prepared<A>) {
        self.events.extend(prepared.events);
        self.effects.join(prepared.effects);
        self.keys.extend(prepared.state.new_key.clone());
        self.states.push(Box::new(prepared.state));
    }

    /// The number of aggregates that were added.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True if nothing was added.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }
}

/// The state of an aggregate with its prepared events applied, remembered after the append.
#[derive(Debug)]
struct AppliedState<A> {
    id: Id<A>,
    before: u64,
    aggregate: A,
    events: usize,
    new_key: Option<(Subject, SubjectKey)>,
    cause: Option<Cause>,
}

/// An [`AppliedState`] of any aggregate type, for batches that mix types.
trait Appended: Send + Sync {
    fn events(&self) -> usize;
    fn cause(&self) -> Option<&Cause>;
    fn forget(&self, store: &Store);
    /// Keeps the state in memory; `position` is that of its last event.
    fn appended(
        self: Box<Self>,
        store: &Store,
        position: Option<Position>,
        metadata: &Metadata,
    ) -> Committed;
}

impl<A: Entity> Appended for AppliedState<A> {
    fn events(&self) -> usize {
        self.events
    }

    fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    fn forget(&self, store: &Store) {
        store.forget(self.id);
    }

    fn appended(
        self: Box<Self>,
        store: &Store,
        position: Option<Position>,
        metadata: &Metadata,
    ) -> Committed {
        let (id, version) = (self.id, self.before + self.events as u64);
        if let Some((subject, key)) = self.new_key {
            store.0.keys.remember(subject, key);
        }
        let loaded = Loaded {
            aggregate: self.aggregate,
            version,
            last: position.map(|it| Cause::recorded(it, metadata)),
        };
        if snapshots::is_due(self.before, version) {
            store.save_snapshot(id, loaded.clone());
        }
        store.keep(id, loaded);
        Committed { position, version }
    }
}
