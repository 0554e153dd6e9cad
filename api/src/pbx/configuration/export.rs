//! The present configuration of a tenant as a document.

use std::collections::HashMap;

use domain::{Id, Scope, access::Tenant};
use futures::{StreamExt as _, TryStreamExt as _};
use projections::{Query, View};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgPool;

use super::document::{MAX_RECORDS, Section, destination_key, has_members, numbered, referred};
use crate::{Error, Result, pbx::record::Kind};

/// The fields of rows that are not part of a document: ids, owners and what follows from others. The
/// problem of a condition is shown, and not read.
const LEFT_OUT: [&str; 7] = [
    "tenant_id",
    "user_id",
    "sip_user",
    "connected",
    "has_pin",
    "has_http_password",
    "understood",
];

/// A record as it is now.
pub(super) struct Present {
    pub id: i64,
    pub key: String,
    pub fields: Map<String, Value>,
}

/// The records of a tenant as they are now, by section.
#[derive(Default)]
pub(super) struct Configuration(HashMap<Section, Vec<Present>>);

impl Configuration {
    /// The records of a kind.
    pub fn of(&self, section: Section) -> &[Present] {
        self.0.get(&section).map_or(&[], Vec::as_slice)
    }

    /// The keys of all records.
    fn keys(&self) -> HashMap<(Section, i64), String> {
        let sections = self.0.iter();
        let records = sections.flat_map(|(section, of)| of.iter().map(|it| (*section, it)));
        records
            .map(|(section, it)| ((section, it.id), it.key.clone()))
            .collect()
    }

    /// The document.
    pub fn document(&self) -> Value {
        let sections = Section::ALL.map(|section| {
            let records = self.of(section).iter().map(|it| {
                let mut fields = it.fields.clone();
                if section != Section::Destinations {
                    fields.insert("key".to_owned(), Value::String(it.key.clone()));
                }
                Value::Object(fields)
            });
            (section.field().to_owned(), Value::Array(records.collect()))
        });
        Value::Object(sections.into_iter().collect())
    }
}

/// The pages of records that [`Configuration`] is read from.
pub(super) struct Reading<'a> {
    pub pool: &'a PgPool,
    pub tenant: Id<Tenant>,
    pub read: Configuration,
}

impl Reading<'_> {
    /// Reads the records of a kind, whose id is in this field.
    pub async fn section<V: View>(&mut self, section: Section, id: &str) -> Result<()> {
        let query = Query::<V> {
            tenant: Some(self.tenant.get()),
            ..Query::default()
        };
        let rows = projections::list(self.pool, query, &Scope::Installation);
        let rows: Vec<V> = rows.take(MAX_RECORDS + 1).try_collect().await?;
        if rows.len() > MAX_RECORDS {
            let reason = format!("are more than {MAX_RECORDS}, too many for a document");
            return Err(Error::invalid(section.field(), reason));
        }
        let mut records = Vec::with_capacity(rows.len());
        let mut taken = HashMap::new();
        for row in &rows {
            let (id, fields) = fields(row, id)?;
            let key = numbered(section.name(&fields), &mut taken);
            records.push(Present { id, key, fields });
        }
        self.read.0.insert(section, records);
        Ok(())
    }

    /// As [`Reading::section`], of a kind of records.
    pub async fn records<D: Kind>(&mut self, section: Section, id: &str) -> Result<()> {
        self.section::<D::Row>(section, id).await
    }
}

impl Configuration {
    /// Puts keys in the place of ids, once all records are read.
    pub fn named(mut self) -> Self {
        let keys = self.keys();
        for condition in self.0.entry(Section::Conditions).or_default() {
            name_members(&mut condition.fields, &keys);
        }
        let mut taken = HashMap::new();
        for destination in self.0.entry(Section::Destinations).or_default() {
            for field in ["source", "target"] {
                name_end(&mut destination.fields, field, &keys);
            }
            destination.key = numbered(destination_key(&destination.fields), &mut taken);
        }
        self
    }
}

/// The id of a row, and its fields that have values and are part of a document.
fn fields(row: &impl Serialize, id: &str) -> Result<(i64, Map<String, Value>)> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(row) else {
        return Err(Error::Internal);
    };
    let id = fields.remove(id).and_then(|id| id.as_i64());
    fields.retain(|name, value| !value.is_null() && !LEFT_OUT.contains(&name.as_str()));
    Ok((id.ok_or(Error::Internal)?, fields))
}

fn name_members(fields: &mut Map<String, Value>, keys: &HashMap<(Section, i64), String>) {
    let kind = fields.get("condition_type").and_then(Value::as_str);
    if !kind.is_some_and(has_members) {
        return;
    }
    for (name, value) in fields.iter_mut() {
        let id = value
            .as_str()
            .and_then(|text| text.trim().parse::<i64>().ok());
        let key = id.filter(|_| name.starts_with("param"));
        if let Some(key) = key.and_then(|id| keys.get(&(Section::Conditions, id))) {
            *value = Value::String(key.clone());
        }
    }
}

/// Replaces `source_id` by `source`, the key of what it is the id of; an id of nothing stays.
fn name_end(fields: &mut Map<String, Value>, field: &str, keys: &HashMap<(Section, i64), String>) {
    let word = fields.get(&format!("{field}_type")).and_then(Value::as_str);
    let section = word.and_then(|word| referred(field, word));
    let id = fields.get(&format!("{field}_id")).and_then(Value::as_i64);
    if let Some(key) = section.zip(id).and_then(|of| keys.get(&of)).cloned() {
        fields.remove(&format!("{field}_id"));
        fields.insert(field.to_owned(), Value::String(key));
    }
}
