//! The changes that lead from a tenant's present configuration to that of a document. All of them
//! are checked before any is made.

use std::collections::{HashMap, HashSet};

use commands::AtomicAppend;
use domain::{
    Event, Id, Owner, Refusal,
    access::Tenant,
    pbx::{Record, RecordCommand, RecordEvent},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    document::{Entry, Section, has_members, referred},
    export::Present,
};
use crate::{
    Error, Result,
    authorization::{Noun, Owned, Update, Writer},
    error::Invalid,
    extract::{Fields, FromFields},
    pbx::record::{Kind, Target},
};

/// The fields that a document does not show, and that stay where it does not name them.
const SECRETS: [&str; 3] = ["secret", "pin", "http_password"];

/// The most errors that are answered.
const MAX_WRONG: usize = 100;

/// The configuration as a whole: `pbx_…`.
pub(crate) enum Pbx {}

impl Noun for Pbx {
    const NAME: &'static str = "pbx";
    const OWNED: Owned = Owned::ByTenants;
}

/// A change of a record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Change {
    /// `create`, `update` or `delete`.
    change: &'static str,
    /// The kind of the record, as in the document.
    kind: &'static str,
    key: String,
}

/// What is planned so far.
pub(super) struct Plan<'w> {
    pub writer: &'w Writer<Tenant, Update, Pbx>,
    pub owner: Owner,
    pub append: AtomicAppend<'w>,
    pub changes: Vec<Change>,
    /// Everything that is wrong with the document.
    pub wrong: Vec<Invalid>,
    /// The ids of the records after the changes, by section and key.
    pub ids: HashMap<(Section, String), i64>,
    /// The same ids, by section.
    pub taken: HashSet<(Section, i64)>,
}

impl Plan<'_> {
    /// Plans the records of a kind.
    pub async fn records<D: Kind>(
        &mut self,
        section: Section,
        entries: Vec<Entry>,
        present: &[Present],
    ) -> Result<()>
    where
        RecordEvent<D>: Into<Event>,
    {
        if entries.len() > D::MAX_RECORDS {
            let message = format!("must be at most {}", D::MAX_RECORDS);
            return Err(Error::invalid(section.field(), message));
        }
        let targets = self.targets(section, &entries, present).await?;
        for (Entry { key, fields }, (id, is_new)) in entries.into_iter().zip(targets) {
            let id = Id::<Record<D>>::new(id);
            let Some(request) = self.read::<D::Request>(section, &key, fields, is_new) else {
                continue;
            };
            let loaded = self.writer.commands().store().load(id).await?;
            let target = Target {
                caller: self.writer.caller(),
                id,
                owner: Some(self.owner),
                present: (!is_new).then(|| loaded.aggregate.details()),
                is_imported: true,
            };
            let patch = match D::patch(request, &target).await {
                Ok(patch) => patch,
                Err(error) => {
                    self.refuse(section, &key, &error)?;
                    continue;
                }
            };
            let owner = Some(self.owner);
            let (change, command) = if is_new {
                ("create", RecordCommand::Create { id, owner, patch })
            } else {
                ("update", RecordCommand::Update(patch))
            };
            let before = self.append.len();
            let decided = self.append.send(id, &loaded, command).await?;
            self.note(section, key, change, before, decided)?;
        }
        for (id, key) in self.gone(section, present) {
            let id = Id::<Record<D>>::new(id);
            let loaded = self.writer.commands().store().load(id).await?;
            let before = self.append.len();
            let decided = self.append.send(id, &loaded, RecordCommand::Delete).await?;
            self.note(section, key, "delete", before, decided)?;
        }
        Ok(())
    }

    /// The ids of the records of a section, and whether each is new. A record is the present one
    /// with the same key.
    pub async fn targets(
        &mut self,
        section: Section,
        entries: &[Entry],
        present: &[Present],
    ) -> Result<Vec<(i64, bool)>> {
        let known: HashMap<&str, i64> = present.iter().map(|it| (it.key.as_str(), it.id)).collect();
        let mut targets = Vec::with_capacity(entries.len());
        for entry in entries {
            let target = match known.get(entry.key.as_str()) {
                Some(id) => (*id, false),
                None => (self.next_id(section).await?, true),
            };
            self.ids.insert((section, entry.key.clone()), target.0);
            self.taken.insert((section, target.0));
            targets.push(target);
        }
        Ok(targets)
    }

    async fn next_id(&self, section: Section) -> Result<i64> {
        let kind = match section {
            Section::Extensions | Section::Dids => "account",
            Section::Hunts => "hunt",
            Section::Ivrs => "ivr",
            Section::Voicemails => "voicemail",
            Section::Phones => "phone",
            Section::Customs => "custom",
            Section::Disas => "disa",
            Section::RateTables => "rate_table",
            Section::Conditions => "condition",
            Section::Destinations => "destination",
        };
        Ok(self.writer.commands().next_id::<()>(kind).await?.get())
    }

    /// The number of accounts that there will be more of.
    pub fn more_accounts(&self) -> u64 {
        let accounts = [Section::Extensions.field(), Section::Dids.field()];
        let of_accounts = self.changes.iter().filter(|it| accounts.contains(&it.kind));
        let more: i64 = of_accounts
            .map(|it| match it.change {
                "create" => 1,
                "delete" => -1,
                _ => 0,
            })
            .sum();
        more.max(0).unsigned_abs()
    }

    /// The present records that the document does not have.
    pub fn gone(&self, section: Section, present: &[Present]) -> Vec<(i64, String)> {
        let kept: HashSet<i64> = self
            .ids
            .iter()
            .filter(|((of, _), _)| *of == section)
            .map(|(_, id)| *id)
            .collect();
        let gone = present.iter().filter(|it| !kept.contains(&it.id));
        gone.map(|it| (it.id, it.key.clone())).collect()
    }

    /// Reads an entry as a request. A document is whole: what it does not name has no value, but for
    /// secrets, which it does not show.
    pub fn read<T: FromFields>(
        &mut self,
        section: Section,
        key: &str,
        mut fields: Map<String, Value>,
        is_new: bool,
    ) -> Option<T> {
        if let Err(said) = self.resolve(section, &mut fields) {
            self.wrong(section, key, "", &said);
            return None;
        }
        if !is_new {
            let mut all = Fields::describing();
            T::from_fields(&mut all);
            for field in all.described() {
                if SECRETS.contains(&field.name) {
                    continue;
                }
                // What has no value without being named, is used.
                let unnamed = if field.name == "active" {
                    Value::from(1)
                } else {
                    Value::Null
                };
                fields.entry(field.name).or_insert(unnamed);
            }
        }
        let mut fields = Fields::new(fields);
        let request = T::from_fields(&mut fields);
        match fields.finish(request) {
            Ok(request) => Some(request),
            Err(Error::Invalid(errors)) => {
                for error in errors {
                    self.wrong(section, key, &error.field, &error.message);
                }
                None
            }
            Err(_) => None,
        }
    }

    /// Puts ids in the place of keys.
    fn resolve(&self, section: Section, fields: &mut Map<String, Value>) -> Result<(), String> {
        match section {
            Section::Destinations => {
                self.resolve_end(fields, "source")?;
                self.resolve_end(fields, "target")
            }
            Section::Conditions => self.resolve_members(fields),
            _ => Ok(()),
        }
    }

    fn resolve_end(&self, fields: &mut Map<String, Value>, end: &str) -> Result<(), String> {
        let word = fields.get(&format!("{end}_type")).and_then(Value::as_str);
        let section = word.and_then(|word| referred(end, word));
        let Some(key) = fields.remove(end) else {
            // The id of nothing, as it is exported; elsewhere it may be that of something.
            let id = fields.get(&format!("{end}_id")).and_then(Value::as_i64);
            return match section.zip(id) {
                Some(record) if self.taken.contains(&record) => {
                    Err(format!("{end}_id is that of a record here: name its key"))
                }
                _ => Ok(()),
            };
        };
        let key = key.as_str().map(str::to_owned).unwrap_or_default();
        let id = section.and_then(|section| self.ids.get(&(section, key.clone())));
        let id = id.ok_or_else(|| format!("{end} {key} is not in the document"))?;
        fields.insert(format!("{end}_id"), Value::from(*id));
        Ok(())
    }

    fn resolve_members(&self, fields: &mut Map<String, Value>) -> Result<(), String> {
        let kind = fields.get("condition_type").and_then(Value::as_str);
        if !kind.is_some_and(has_members) {
            return Ok(());
        }
        for (name, value) in fields.iter_mut() {
            let Some(key) = value.as_str().filter(|_| name.starts_with("param")) else {
                continue;
            };
            match self.ids.get(&(Section::Conditions, key.to_owned())) {
                Some(id) => *value = Value::String(id.to_string()),
                // The id of a condition that does not exist, as it is exported.
                None if self.is_no_condition(key) => {}
                None => return Err(format!("condition {key} is not in the document")),
            }
        }
        Ok(())
    }

    /// True for the id of nothing.
    fn is_no_condition(&self, text: &str) -> bool {
        let id = text.parse::<i64>();
        id.is_ok_and(|id| !self.taken.contains(&(Section::Conditions, id)))
    }

    /// Notes what became of a decision.
    pub fn note(
        &mut self,
        section: Section,
        key: String,
        change: &'static str,
        before: usize,
        decided: Result<(), impl Into<Refusal>>,
    ) -> Result<()> {
        match decided {
            Ok(()) if self.append.len() == before => Ok(()),
            Ok(()) => {
                let kind = section.field();
                self.changes.push(Change { change, kind, key });
                Ok(())
            }
            Err(refusal) => {
                let error = Error::from(refusal.into());
                self.refuse(section, &key, &error)
            }
        }
    }

    /// Notes an error of a record; any other than a refusal of the record ends the request.
    pub fn refuse(&mut self, section: Section, key: &str, error: &Error) -> Result<()> {
        match error {
            Error::Invalid(errors) => {
                for error in errors {
                    self.wrong(section, key, &error.field, &error.message);
                }
                Ok(())
            }
            Error::NotReady(reason) => {
                self.wrong(section, key, "", reason);
                Ok(())
            }
            other => Err(other.clone()),
        }
    }

    fn wrong(&mut self, section: Section, key: &str, field: &str, message: &str) {
        if self.wrong.len() == MAX_WRONG {
            return;
        }
        let place = if field.is_empty() { "" } else { "." };
        self.wrong.push(Invalid {
            field: format!("{}[{key}]{place}{field}", section.field()).into(),
            message: message.to_owned(),
        });
    }
}
