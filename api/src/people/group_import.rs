//! Import of a list of contacts into a group, thousands a second.
//!
//! A row about a phone that a contact of the group has already changes that contact; any other row
//! makes a new contact. Rows are appended in batches, each row as a whole or not at all. A batch is
//! appended while the next is read, but not before the read models have taken in the batch that is
//! two before it: that finds a phone again that comes twice, and limits the unread events that are
//! kept in memory for the subscribers of the log.

use std::{collections::HashMap, mem};

use axum::response::Response;
use commands::{CommandError, Commands};
use cqrs_es::Aggregate as _;
use domain::{
    Id, Owner, Refusal,
    people::{Contact, ContactCommand, ContactProfile, Group},
};
use eventstore::{Committed, Lock, LockName, Metadata, Position};
use projections::people::groups::by_phone;
use tokio::task::JoinHandle;

use super::contact_csv::{ContactLayout, change, merge};
use crate::{
    App, Error, Result,
    authorization::{Create, Update, Writer},
    csv::{ParsedRow, Report, Rows, Table, answer, readable},
};

/// The most rows of a batch, and about the most bytes.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;

/// An import under way.
pub(super) struct Import {
    app: App,
    groups: Writer<Group, Update>,
    contacts: Writer<Contact, Create>,
    group: Id<Group>,
    owner: Owner,
    report: Report,
    batch: Vec<Entry>,
    bytes: usize,
    /// The batch that is being appended, and in `known` the contacts that it makes, by phone.
    appending: Option<JoinHandle<Appended>>,
    known: HashMap<String, Id<Contact>>,
    last: Option<Position>,
    alone: Lock,
}

/// The rows about one contact, merged.
struct Entry {
    lines: Vec<u64>,
    contact: ContactProfile,
}

/// The plan of a batch: the contacts that it makes, and those that it changes.
#[derive(Default)]
struct Batch {
    new: Vec<(Id<Contact>, Entry)>,
    changed: Vec<(Id<Contact>, Entry)>,
}

/// The result of appending a batch.
#[derive(Default)]
struct Appended {
    position: Option<Position>,
    created: u64,
    updated: u64,
    refused: Vec<(u64, String)>,
    /// The error that kept the rest from being appended.
    trouble: Option<CommandError>,
}

impl Import {
    /// Begins an import; 423 while another import into the same group is under way, since each
    /// would make the contacts that are in both lists.
    pub async fn begin(
        (groups, contacts): (Writer<Group, Update>, Writer<Contact, Create>),
        group: Id<Group>,
        owner: Owner,
    ) -> Result<Self> {
        let app = contacts.caller().app().clone();
        let alone = alone(&app, group).await?;
        Ok(Self {
            app,
            groups,
            contacts,
            group,
            owner,
            report: Report::default(),
            batch: Vec::new(),
            bytes: 0,
            appending: None,
            known: HashMap::new(),
            last: None,
            alone,
        })
    }

    /// Imports all rows and answers the report. An error that cuts the import short is answered,
    /// with the report of the rows until then.
    pub async fn run(mut self, rows: Rows) -> Result<Response> {
        let read = self.read(rows).await;
        let finished = match self.flush().await {
            Ok(()) => self.appended().await,
            Err(error) => Err(error),
        };
        let done = read.and(finished);
        let answer = answer(&self.app, Contact::TYPE, self.last, self.report, done).await;
        self.alone.release().await;
        answer
    }

    async fn read(&mut self, mut rows: Rows) -> Result<()> {
        let mut table = Table::<ContactLayout>::default();
        while let Some(row) = rows.next().await? {
            let Some(ParsedRow { line, bytes, value }) = table.read(row)? else {
                continue;
            };
            match value {
                Ok(contact) => self.batch.push(Entry {
                    lines: vec![line],
                    contact,
                }),
                Err(reason) => self.report.reject(line, reason),
            }
            self.bytes += bytes;
            if self.batch.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Begins to append the rows that have been read.
    async fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        let entries = mem::take(&mut self.batch);
        if entries.is_empty() {
            return Ok(());
        }
        if self.alone.is_lost() {
            self.alone = alone(&self.app, self.group).await?;
        }
        // Of the batch before the last: the last one is still being appended.
        readable(&self.app, Contact::TYPE, self.last).await;
        let there = self.there(&entries).await?;
        let ids = self
            .app
            .commands()
            .next_ids(Contact::TYPE, entries.len())
            .await;
        self.appended().await?;
        let metadata = self.metadata().await?;
        let batch = self.planned(entries, &there, ids?);
        let append = append(
            self.app.commands().clone(),
            metadata,
            (self.group, self.owner),
            batch,
        );
        self.appending = Some(tokio::spawn(append));
        Ok(())
    }

    /// The metadata of a batch, for a caller who may still change the group and create contacts
    /// within its tenant.
    async fn metadata(&self) -> Result<Metadata> {
        self.contacts.must_still().await?;
        self.groups.must_reach(self.owner)?;
        self.contacts.must_in(self.owner.tenant)?;
        self.contacts.metadata()
    }

    /// The existing contacts that the rows are about, by phone.
    async fn there(&mut self, entries: &[Entry]) -> Result<HashMap<String, Id<Contact>>> {
        let phones: Vec<&str> = entries.iter().map(Entry::phone).collect();
        let found = by_phone(self.app.pool(), self.group.get(), &phones).await?;
        let mut there = mem::take(&mut self.known);
        there.extend(found.into_iter().map(|(phone, id)| (phone, Id::new(id))));
        Ok(there)
    }

    /// Divides rows into new contacts and changes of existing ones.
    fn planned(
        &mut self,
        entries: Vec<Entry>,
        there: &HashMap<String, Id<Contact>>,
        ids: Vec<Id<Contact>>,
    ) -> Batch {
        let mut batch = Batch::default();
        let caller = self.contacts.caller();
        let may_update = caller.may_in::<Contact, Update>(self.owner.tenant);
        // The place of a phone's contact in the batch.
        let mut places: HashMap<String, usize> = HashMap::with_capacity(entries.len());
        for (entry, id) in entries.into_iter().zip(ids) {
            let phone = entry.phone().to_owned();
            let is_there = there.get(&phone).copied();
            let place = places.get(&phone).copied();
            if (is_there.is_some() || place.is_some()) && !may_update {
                let reason = "is there already; permission contact_update is needed";
                entry
                    .lines
                    .iter()
                    .for_each(|&line| self.report.reject(line, reason));
                continue;
            }
            let into = match is_there {
                Some(_) => &mut batch.changed,
                None => &mut batch.new,
            };
            match place.and_then(|place| into.get_mut(place)) {
                Some((_, earlier)) => earlier.add(entry),
                None => {
                    places.insert(phone.clone(), into.len());
                    into.push((is_there.unwrap_or(id), entry));
                    if is_there.is_none() {
                        self.known.insert(phone, id);
                    }
                }
            }
        }
        batch
    }

    /// Waits for the batch that is being appended, and adds its result to the report.
    async fn appended(&mut self) -> Result<()> {
        let Some(appending) = self.appending.take() else {
            return Ok(());
        };
        let appended = appending.await.map_err(|error| {
            tracing::error!(%error, "a batch of an import was lost");
            Error::Internal
        })?;
        self.last = appended.position.or(self.last);
        self.report.created += appended.created;
        self.report.updated += appended.updated;
        for (line, reason) in appended.refused {
            self.report.reject(line, reason);
        }
        appended
            .trouble
            .map_or(Ok(()), |trouble| Err(trouble.into()))
    }
}

impl Entry {
    fn phone(&self) -> &str {
        // Never empty: a row without a phone is rejected when it is read.
        self.contact
            .phone
            .as_ref()
            .map_or("", |phone| phone.as_str())
    }

    fn add(&mut self, later: Self) {
        self.lines.extend(later.lines);
        let earlier = mem::take(&mut self.contact);
        self.contact = merge(earlier, later.contact);
    }
}

impl Appended {
    fn count(&mut self, lines: Vec<u64>, answer: Result<Committed, Refusal>, is_new: bool) {
        match answer {
            Ok(committed) => {
                let rows = lines.len() as u64;
                self.created += u64::from(is_new);
                self.updated += rows - u64::from(is_new);
                self.position = committed.position.or(self.position);
            }
            Err(refusal) => {
                let refused = lines.into_iter().map(|line| (line, refusal.to_string()));
                self.refused.extend(refused);
            }
        }
    }
}

async fn append(
    commands: Commands,
    metadata: Metadata,
    (group, owner): (Id<Group>, Owner),
    batch: Batch,
) -> Appended {
    use ContactCommand::{Import, Link, Update};
    let mut appended = Appended::default();
    let mut lines = Vec::with_capacity(batch.new.len());
    let new = batch.new.into_iter().map(|(id, entry)| {
        lines.push(entry.lines);
        let profile = entry.contact;
        (
            id,
            vec![Import { id, owner, profile }, Link { group, owner }],
        )
    });
    let new = new.collect();
    match commands.send_many_new(new, &metadata).await {
        Ok(answers) => {
            for (lines, answer) in lines.into_iter().zip(answers) {
                appended.count(lines, answer, true);
            }
        }
        Err(trouble) => {
            appended.trouble = Some(trouble);
            return appended;
        }
    }
    let mut lines = Vec::with_capacity(batch.changed.len());
    let changed = batch.changed.into_iter().map(|(id, entry)| {
        lines.push(entry.lines);
        (id, Update(change(entry.contact)))
    });
    let changed = changed.collect();
    match commands.send_many(changed, &metadata, Vec::new()).await {
        Ok(answers) => {
            for (lines, answer) in lines.into_iter().zip(answers) {
                appended.count(lines, answer, false);
            }
        }
        Err(trouble) => appended.trouble = Some(trouble),
    }
    appended
}

/// The lock of the only import into a group, over all processes.
async fn alone(app: &App, group: Id<Group>) -> Result<Lock> {
    let locks = app.commands().store().locks();
    let alone = locks.try_lock(LockName::GroupImport(group.get())).await?;
    let reason = "another import into this group is under way";
    alone.ok_or_else(|| Error::NotReady(reason.to_owned()))
}
