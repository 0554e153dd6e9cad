//! The figures of a run, as a table and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

/// The target of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", number(least)),
            Self::AtMost(most) => format!("≤ {}", number(most)),
        }
    }
}

/// A figure.
#[derive(Debug)]
pub struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    p99: Option<f64>,
    ratio: Option<(&'static str, f64)>,
    target: Option<Target>,
}

impl Row {
    /// A figure without a target.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            p99: None,
            ratio: None,
            target: None,
        }
    }

    /// Sets its p99, in milliseconds.
    pub fn p99(self, p99: f64) -> Self {
        Self {
            p99: Some(p99),
            ..self
        }
    }

    /// Sets its ratio to another figure, and the target of the ratio.
    pub fn ratio(self, to: &'static str, ratio: f64, target: Target) -> Self {
        Self {
            ratio: Some((to, ratio)),
            target: Some(target),
            ..self
        }
    }

    /// Sets its ratio to another figure, without a target.
    pub fn against(self, to: &'static str, ratio: f64) -> Self {
        Self {
            ratio: Some((to, ratio)),
            ..self
        }
    }

    /// Sets the least that it should be.
    pub fn at_least(self, least: f64) -> Self {
        Self {
            target: Some(Target::AtLeast(least)),
            ..self
        }
    }

    /// Sets the most that it should be.
    pub fn at_most(self, most: f64) -> Self {
        Self {
            target: Some(Target::AtMost(most)),
            ..self
        }
    }

    fn judged(&self) -> f64 {
        self.ratio.map_or(self.value, |(_, ratio)| ratio)
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    /// Adds a figure.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a remark.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The figures in Markdown, which reads well on a terminal too.
    pub fn text(&self) -> String {
        let mut text =
            String::from("| work | measured | ratio | target | met |\n|---|---:|---:|---:|---|\n");
        for row in &self.rows {
            let p99 = row
                .p99
                .map_or(String::new(), |p99| format!(", p99 {p99:.1} ms"));
            let ratio = row
                .ratio
                .map_or(String::new(), |(to, ratio)| format!("{ratio:.2} × {to}"));
            let target = row.target.map_or(String::new(), Target::text);
            let met = row
                .target
                .map_or("", |it| if it.is_met(row.judged()) { "yes" } else { "no" });
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} {}{p99} | {ratio} | {target} | {met} |",
                row.name,
                number(row.value),
                row.unit
            );
        }
        for note in &self.notes {
            let _ = writeln!(text, "\n{note}");
        }
        text
    }

    /// The figures as JSON, for programs.
    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "work": row.name, "value": row.value, "unit": row.unit, "p99_ms": row.p99,
                "ratio": row.ratio.map(|(to, ratio)| json!({"to": to, "value": ratio})),
                "target": row.target.map(Target::text),
                "met": row.target.map(|target| target.is_met(row.judged())),
            })
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({"machine": super::machine(), "figures": rows, "notes": self.notes})
    }
}

fn number(value: f64) -> String {
    match value {
        value if value.abs() >= 100.0 => format!("{value:.0}"),
        value if value.abs() >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
