//! Effects: changes to tables of other crates, made in the transaction of an append.
//!
//! The event store knows neither the tables nor what the change means: it puts the statement
//! into that of the append, and binds the rows of all effects of a group.
//!
//! To add a kind of effect: a static [`EffectKind`] in the crate that owns the table, and a
//! function that makes its rows. One that every append of a request has, as the mark of an
//! Idempotency-Key, is a [`LateEffect`] in the metadata.

use std::{any::Any, fmt, sync::Arc};

/// A kind of effect.
#[derive(Debug)]
pub struct EffectKind {
    /// A name within the statement, unique among the kinds.
    pub name: &'static str,
    /// The statement: it changes rows by arrays of text, in whose places it has `{0}`, `{1}` …
    pub statement: &'static str,
    /// The number of these arrays.
    pub columns: usize,
    /// The constraint by which the effect refuses the append, if it does.
    pub refused_by: Option<&'static str>,
}

impl PartialEq for EffectKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for EffectKind {}

/// One row for the statement of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The kind.
    pub kind: &'static EffectKind,
    /// A value for each of the kind's arrays.
    pub row: Vec<Option<String>>,
}

/// An effect whose values are known only when the events are appended.
pub trait LateEffect: Any + fmt::Debug + Send + Sync {
    /// The effect, as of now.
    fn effect(&self) -> Effect;
}

/// A shared [`LateEffect`], as [`Metadata`](crate::Metadata) carries it to each append of a
/// request.
#[derive(Clone, Debug)]
pub struct Late(Arc<dyn LateEffect>);

impl Late {
    /// Shares this effect.
    pub fn new(effect: impl LateEffect) -> Self {
        Self(Arc::new(effect))
    }

    /// The effect, if it is of this type.
    pub fn get<E: LateEffect>(&self) -> Option<&E> {
        let any: &dyn Any = self.0.as_ref();
        any.downcast_ref()
    }

    pub(crate) fn effect(&self) -> Effect {
        self.0.effect()
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Late {}

/// The effects of a group of appends, kind by kind.
pub(crate) struct Columns<'a>(Vec<(&'static EffectKind, Vec<&'a Effect>)>);

impl<'a> Columns<'a> {
    pub fn new(effects: impl Iterator<Item = &'a Effect>) -> Self {
        let mut kinds: Vec<(&'static EffectKind, Vec<&'a Effect>)> = Vec::new();
        for effect in effects {
            match kinds.iter_mut().find(|(kind, _)| *kind == effect.kind) {
                Some((_, rows)) => rows.push(effect),
                None => kinds.push((effect.kind, vec![effect])),
            }
        }
        // So that the same kinds make the same statement, which is prepared once.
        kinds.sort_by_key(|(kind, _)| kind.name);
        Self(kinds)
    }

    /// The statements as further parts of a `with` clause, with parameters from number `first` on.
    pub fn clauses(&self, first: usize) -> String {
        let mut number = first;
        let mut clauses = String::new();
        for (kind, _) in &self.0 {
            let mut statement = kind.statement.to_owned();
            for column in 0..kind.columns {
                statement = statement.replace(&format!("{{{column}}}"), &format!("${number}"));
                number += 1;
            }
            clauses.push_str(&format!(", {} as ({statement})", kind.name));
        }
        clauses
    }

    /// The arrays, in the order of their parameters.
    pub fn arrays(&self) -> impl Iterator<Item = Vec<Option<&'a str>>> {
        self.0.iter().flat_map(|(kind, rows)| {
            (0..kind.columns).map(|column| {
                let value = |effect: &&'a Effect| effect.row.get(column)?.as_deref();
                rows.iter().map(value).collect()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static KEPT: EffectKind = EffectKind {
        name: "kept",
        statement: "insert into t select * from unnest({0}::text[], {1}::text[])",
        columns: 2,
        refused_by: None,
    };
    static GONE: EffectKind = EffectKind {
        name: "gone",
        statement: "delete from t where id = any({0}::text[])",
        columns: 1,
        refused_by: None,
    };

    #[test]
    fn kinds_are_bound_one_after_another_and_rows_together() {
        let text = |text: &str| Some(text.to_owned());
        let effects = [
            Effect {
                kind: &KEPT,
                row: vec![text("a"), None],
            },
            Effect {
                kind: &GONE,
                row: vec![text("x")],
            },
            Effect {
                kind: &KEPT,
                row: vec![text("b"), text("c")],
            },
        ];
        let columns = Columns::new(effects.iter());
        assert_eq!(
            columns.clauses(7),
            ", gone as (delete from t where id = any($7::text[])), \
             kept as (insert into t select * from unnest($8::text[], $9::text[]))"
        );
        let arrays: Vec<_> = columns.arrays().collect();
        let expected = [
            vec![Some("x")],
            vec![Some("a"), Some("b")],
            vec![None, Some("c")],
        ];
        assert_eq!(arrays, expected);
    }
}
