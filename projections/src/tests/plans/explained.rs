//! The plan of an executed statement.

use serde_json::Value;

/// A plan that was executed.
pub struct Explained {
    read: i64,
    scanned: Vec<String>,
    plan: String,
}

impl Explained {
    /// Parses the output of `explain (analyze, format json)`.
    pub fn new(explained: &Value) -> Self {
        let root = &explained[0]["Plan"];
        let mut this = Self {
            read: 0,
            scanned: Vec::new(),
            plan: String::new(),
        };
        this.look(root, 0);
        this
    }

    fn look(&mut self, node: &Value, depth: usize) {
        let kind = node["Node Type"].as_str().unwrap();
        let number = |field: &str| node[field].as_f64().unwrap_or_default();
        let loops = number("Actual Loops");
        let read = loops
            * (number("Actual Rows")
                + number("Rows Removed by Filter")
                + number("Rows Removed by Index Recheck"));
        let read = read as i64;
        if kind.contains("Scan") {
            self.read += read;
        }
        if kind == "Seq Scan" && read > 0 {
            self.scanned.push(
                node["Relation Name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        let by = ["Index Name", "Relation Name", "Index Cond", "Filter"];
        let by: Vec<_> = by.iter().filter_map(|it| node[it].as_str()).collect();
        self.plan.push_str(&format!(
            "\n{}{kind} {} ({read})",
            "  ".repeat(depth + 1),
            by.join(" | ")
        ));
        for below in node["Plans"].as_array().into_iter().flatten() {
            self.look(below, depth + 1);
        }
    }

    /// The fault of the plan, if it scans a whole table or reads more than `most` rows.
    pub fn complaint(&self, most: i64) -> Option<String> {
        if !self.scanned.is_empty() {
            return Some(format!("reads all of {:?}{}", self.scanned, self.plan));
        }
        (self.read > most).then(|| format!("looks at {} rows{}", self.read, self.plan))
    }
}
