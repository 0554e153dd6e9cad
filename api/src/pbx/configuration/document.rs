//! The document of a tenant's whole PBX configuration. Records refer to each other by keys, which
//! are what people know them by: numbers and names.

use std::collections::{HashMap, HashSet};

use domain::{
    Patch,
    pbx::{
        SourceKind, TargetKind,
        routing::{NodeKind, normalised},
    },
    values::{Line, PhoneNumber},
};
use serde_json::{Map, Value};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, schema::Type};

use crate::{
    Error, Result,
    extract::{Fields, FromFields},
};

/// The most records of a kind.
pub(super) const MAX_RECORDS: usize = 10_000;
/// The most destinations of a source.
const MAX_DESTINATIONS: usize = 200;

/// A record of a document.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key, unique among the records of its kind.
    pub key: String,
    /// The fields, with keys in the place of ids.
    pub fields: Map<String, Value>,
}

/// The kinds of records in a document, in the order in which they are written: what others refer to
/// comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Section {
    Extensions,
    Dids,
    Hunts,
    Ivrs,
    Voicemails,
    Phones,
    Customs,
    Disas,
    RateTables,
    Conditions,
    Destinations,
}

impl Section {
    pub const ALL: [Self; 11] = [
        Self::Extensions,
        Self::Dids,
        Self::Hunts,
        Self::Ivrs,
        Self::Voicemails,
        Self::Phones,
        Self::Customs,
        Self::Disas,
        Self::RateTables,
        Self::Conditions,
        Self::Destinations,
    ];

    /// The field of the document.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Extensions => "extensions",
            Self::Dids => "dids",
            Self::Hunts => "hunts",
            Self::Ivrs => "ivrs",
            Self::Voicemails => "voicemails",
            Self::Phones => "phones",
            Self::Customs => "customs",
            Self::Disas => "disas",
            Self::RateTables => "rate_tables",
            Self::Conditions => "conditions",
            Self::Destinations => "destinations",
        }
    }

    /// The fields that people know the records by; the first that has a value is the name.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Extensions | Self::Dids | Self::Hunts => &["number", "name"],
            Self::Voicemails => &["mailbox", "fullname"],
            Self::Phones => &["mac", "name"],
            Self::Ivrs | Self::Customs | Self::Disas | Self::RateTables | Self::Conditions => {
                &["name"]
            }
            Self::Destinations => &[],
        }
    }

    /// The name of a record, as it will be kept. It is the key, unless another record has the same.
    pub fn name(self, fields: &Map<String, Value>) -> String {
        let written = |name: &&str| match fields.get(*name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let Some(name) = self.names().iter().find_map(written) else {
            return "unnamed".to_owned();
        };
        let kept = match self {
            Self::Dids => name
                .parse()
                .map(|it: PhoneNumber| it.as_str().to_owned())
                .ok(),
            _ => name.parse().map(|it: Line| it.as_str().to_owned()).ok(),
        };
        kept.unwrap_or(name)
    }

    /// The section of the records that sources and targets of this kind are.
    pub const fn of_node(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Extension => Self::Extensions,
            NodeKind::Hunt => Self::Hunts,
            NodeKind::Did => Self::Dids,
            NodeKind::Ivr => Self::Ivrs,
            NodeKind::Condition => Self::Conditions,
            NodeKind::Voicemail => Self::Voicemails,
            NodeKind::Custom => Self::Customs,
            NodeKind::Disa => Self::Disas,
            NodeKind::Destination => Self::Destinations,
        }
    }
}

/// The document as it comes in.
#[derive(Clone, Debug, Default)]
pub(super) struct Document(HashMap<Section, Vec<Entry>>);

impl Document {
    /// Takes the records of a kind.
    pub fn take(&mut self, section: Section) -> Vec<Entry> {
        self.0.remove(&section).unwrap_or_default()
    }

    /// Refuses a document without a kind, which would delete all records of that kind, keys and
    /// numbers that stand twice, keys that are no names, and sources with too many destinations.
    pub fn check(&self) -> Result<()> {
        for section in Section::ALL {
            let Some(entries) = self.0.get(&section) else {
                return Err(Error::invalid(section.field(), "is required, if empty"));
            };
            must_be_once(section, "key", entries.iter().map(|it| it.key.as_str()))?;
            match section {
                Section::Extensions | Section::Dids => {
                    let number = |it: &Entry| Some(normalised(it.fields.get("number")?.as_str()?));
                    let numbers: Vec<String> = entries.iter().filter_map(number).collect();
                    must_be_once(section, "number", numbers.iter().map(String::as_str))?;
                    must_be_named(section, entries)?;
                }
                Section::Destinations => must_be_few_of_each_source(entries)?,
                _ => must_be_named(section, entries)?,
            }
        }
        Ok(())
    }
}

/// Refuses values that stand twice.
fn must_be_once<'e>(
    section: Section,
    what: &str,
    values: impl Iterator<Item = &'e str>,
) -> Result<()> {
    let mut seen = HashSet::new();
    for value in values {
        if !seen.insert(value) {
            let said = format!("has the {what} {value} twice");
            return Err(Error::invalid(section.field(), said));
        }
    }
    Ok(())
}

/// Refuses keys that records would not have in the next export.
fn must_be_named(section: Section, entries: &[Entry]) -> Result<()> {
    for entry in entries {
        let name = section.name(&entry.fields);
        let rest = entry.key.strip_prefix(&name);
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#')) {
            let said = format!("has the key {}, which should be {name}", entry.key);
            return Err(Error::invalid(section.field(), said));
        }
    }
    Ok(())
}

fn must_be_few_of_each_source(entries: &[Entry]) -> Result<()> {
    let mut of_source: HashMap<(String, String), usize> = HashMap::new();
    for Entry { fields, .. } in entries {
        let text = |name: &str| {
            let value = fields.get(name).and_then(Value::as_str);
            value.unwrap_or_default().to_lowercase()
        };
        let word = text("source_type");
        let source = match fields.get("source_id") {
            Some(id) => id.to_string(),
            None => text("source"),
        };
        let count = of_source.entry((word.clone(), source.clone()));
        let count = count.or_default();
        *count += 1;
        if *count > MAX_DESTINATIONS {
            let said = format!("has more than {MAX_DESTINATIONS} of {word} {source}");
            return Err(Error::invalid(Section::Destinations.field(), said));
        }
    }
    Ok(())
}

impl FromFields for Document {
    fn from_fields(fields: &mut Fields) -> Self {
        let mut document = Self::default();
        for section in Section::ALL {
            let name = section.field();
            fields.note(name, || {
                ArrayBuilder::new()
                    .items(ObjectBuilder::new().schema_type(Type::Object))
                    .max_items(Some(MAX_RECORDS))
            });
            let read = fields.parse(name, |value| entries(section, value).map(Some));
            if let Patch::Set(entries) = read {
                document.0.insert(section, entries);
            }
        }
        document
    }
}

fn entries(section: Section, value: &Value) -> Result<Vec<Entry>, String> {
    let Value::Array(records) = value else {
        return Err("must be a list".to_owned());
    };
    if records.len() > MAX_RECORDS {
        return Err(format!("must be at most {MAX_RECORDS}"));
    }
    let entry = |record: &Value| {
        let Value::Object(fields) = record else {
            return Err("must be a list of objects".to_owned());
        };
        let mut fields = fields.clone();
        let key = match (section, fields.remove("key")) {
            (Section::Destinations, _) => {
                for end in ["source_type", "source", "target_type", "target"] {
                    if let Some(text) = fields.get(end).and_then(Value::as_str) {
                        text.parse::<Line>()
                            .map_err(|wrong| format!("{end} {wrong}"))?;
                    }
                }
                destination_key(&fields)
            }
            (_, Some(Value::String(key))) if !key.is_empty() => {
                key.parse::<Line>()
                    .map_err(|wrong| format!("key {wrong}"))?;
                key
            }
            _ => return Err("must have a key each, a text".to_owned()),
        };
        Ok(Entry { key, fields })
    };
    let mut entries: Vec<Entry> = records.iter().map(entry).collect::<Result<_, _>>()?;
    if section == Section::Destinations {
        let mut taken = HashMap::new();
        for entry in &mut entries {
            entry.key = numbered(std::mem::take(&mut entry.key), &mut taken);
        }
    }
    Ok(entries)
}

/// The key of a record with this name: the name, or with the first number behind it that makes it
/// another one. `taken` has the numbers that were tried, by name.
pub(super) fn numbered(name: String, taken: &mut HashMap<String, usize>) -> String {
    let mut times = taken.get(&name).copied().unwrap_or(0);
    let key = loop {
        times += 1;
        let key = match times {
            1 => name.clone(),
            times => format!("{name}#{times}"),
        };
        if !taken.contains_key(&key) {
            break key;
        }
    };
    taken.insert(key.clone(), 1);
    taken.insert(name, times);
    key
}

/// The key of a destination, to which nothing refers: all that it says.
pub(super) fn destination_key(fields: &Map<String, Value>) -> String {
    let names = ["source_type", "source", "order", "target_type", "target"];
    let parts = names.map(|name| match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) if !value.is_null() => value.to_string(),
        _ if name == "order" => "1".to_owned(),
        _ => String::new(),
    });
    parts.join(" ")
}

/// The section that a destination's source or target is in, by its word; `None` for words that are
/// not known.
pub(super) fn referred(field: &str, word: &str) -> Option<Section> {
    let kind = match field {
        "source" => domain::pbx::routing::Node::of_source(SourceKind::from_word(word)?, 0).kind,
        _ => domain::pbx::routing::Node::of_target(TargetKind::from_word(word)?, 0)?.kind,
    };
    Some(Section::of_node(kind))
}

/// True for the types of conditions whose parameters are other conditions.
pub(super) fn has_members(condition_type: &str) -> bool {
    let word = condition_type.trim().to_ascii_uppercase();
    matches!(word.as_str(), "ALL" | "ANY" | "NOT")
}
