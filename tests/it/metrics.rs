//! `docs/metrics.md` lists the metrics there are.

use std::{collections::BTreeSet, fs};

use super::architecture::{members, root, sources};

/// Names that are no metrics: channels and a role of Postgres.
const OTHERS: [&str; 3] = ["ledgerline_events", "ledgerline_work", "ledgerline_reader"];

/// The names between these quotes that begin as metrics do.
fn names(text: &str, quote: char) -> BTreeSet<String> {
    let is_name = |part: &&str| {
        let rest = part.strip_prefix("ledgerline_");
        rest.is_some_and(|rest| rest.bytes().all(|it| it == b'_' || it.is_ascii_lowercase()))
    };
    let parts = text.split(quote).filter(is_name);
    parts.map(str::to_owned).collect()
}

#[test]
fn every_metric_is_documented() {
    let mut counted = BTreeSet::new();
    let folders = members().into_values();
    let folders = folders.map(|folder| root().join(folder).join("src"));
    for file in folders.filter(|it| it.is_dir()).flat_map(|it| sources(&it)) {
        counted.extend(names(&fs::read_to_string(file).unwrap(), '"'));
    }
    for other in OTHERS {
        counted.remove(other);
    }
    let documented = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    assert_eq!(names(&documented, '`'), counted);
}
