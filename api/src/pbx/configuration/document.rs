//! The document of a tenant's whole PBX configuration. Records refer to each other by keys, which
//! are what people know them by: numbers and names.

use std::collections::HashMap;

use domain::{
    Patch,
    pbx::{SourceKind, TargetKind, routing::NodeKind},
    values::Line,
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

    /// Refuses keys that stand twice, and sources with too many destinations.
    pub fn check(&self) -> Result<()> {
        for (section, entries) in &self.0 {
            let mut seen = HashMap::new();
            for entry in entries {
                if seen.insert(&entry.key, ()).is_some() {
                    let said = format!("has the key {} twice", entry.key);
                    return Err(Error::invalid(section.field(), said));
                }
            }
        }
        let mut of_source: HashMap<(String, String), usize> = HashMap::new();
        for entry in self.0.get(&Section::Destinations).into_iter().flatten() {
            let text = |name: &str| {
                let value = entry.fields.get(name).and_then(Value::as_str);
                value.unwrap_or_default().to_lowercase()
            };
            let count = of_source.entry((text("source_type"), text("source")));
            let count = count.or_default();
            *count += 1;
            if *count > MAX_DESTINATIONS {
                let said = format!(
                    "has more than {MAX_DESTINATIONS} of {} {}",
                    text("source_type"),
                    text("source")
                );
                return Err(Error::invalid(Section::Destinations.field(), said));
            }
        }
        Ok(())
    }
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

/// The key, with a number behind it unless it is the first of its name.
pub(super) fn numbered(name: String, taken: &mut HashMap<String, usize>) -> String {
    let times = taken.entry(name.clone()).or_default();
    *times += 1;
    match *times {
        1 => name,
        times => format!("{name}#{times}"),
    }
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
