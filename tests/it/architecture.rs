//! The crates depend on each other, and name each other's tables, as docs/ARCHITECTURE.md says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

type Dependencies = BTreeMap<String, BTreeSet<String>>;

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The table of crates in the document.
fn documented() -> Dependencies {
    let text = read("docs/ARCHITECTURE.md");
    let (_, from) = text
        .split_once("| crate | holds |")
        .expect("the table of crates");
    let rows = from.lines().skip(2);
    rows.take_while(|row| row.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            let name = quoted(cells[0]).next().expect("a name").to_owned();
            let named = quoted(cells.last().unwrap()).map(ToOwned::to_owned);
            (name, named.collect())
        })
        .collect()
}

/// The dependencies that a `Cargo.toml` names, those of tests apart.
fn named(manifest: &str) -> BTreeSet<String> {
    let (_, from) = manifest.split_once("[dependencies]").unwrap_or_default();
    let lines = from.lines().skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(['.', ' ']))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The crates of the workspace with their folders, the program's under its name.
pub(super) fn members() -> BTreeMap<String, PathBuf> {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("members"));
    let folders = line.expect("the members").split('"').skip(1).step_by(2);
    let mut members: BTreeMap<_, _> = folders
        .map(|folder| (folder.to_owned(), PathBuf::from(folder)))
        .collect();
    members.insert("ledgerline".to_owned(), PathBuf::new());
    members
}

#[test]
fn crates_depend_on_each_other_as_documented() {
    let members = members();
    let names: BTreeSet<&str> = members
        .keys()
        .map(|folder| folder.trim_start_matches("crates/"))
        .collect();
    let actual: Dependencies = members
        .iter()
        .map(|(name, folder)| {
            let mut dependencies = named(&read(folder.join("Cargo.toml")));
            dependencies.retain(|one| names.contains(one.as_str()));
            (name.clone(), dependencies)
        })
        .collect();
    assert_eq!(actual, documented());
}

/// The Rust and SQL files under a folder, without those of tests.
pub(super) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if stem == "tests" {
            continue;
        }
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path
            .extension()
            .is_some_and(|kind| kind == "rs" || kind == "sql")
        {
            files.push(path);
        }
    }
    files
}

/// The files of a crate whose code names a table of this schema.
fn naming(folder: &str, schema: &str) -> Vec<String> {
    let verbs = ["from", "into", "update", "join", "using"];
    let needles = verbs.map(|verb| format!("{verb} {schema}."));
    let names_it = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap().to_lowercase();
        needles.iter().any(|needle| text.contains(needle))
    };
    let found = sources(&root().join(folder)).into_iter().filter(names_it);
    let shown = |path: PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    found.map(shown).collect()
}

#[test]
fn schemas_have_one_owner_each() {
    let mut wrong = Vec::new();
    for folder in [
        "eventstore/src",
        "commands/src",
        "projections/src",
        "gateways/src",
        "api/src",
    ] {
        wrong.extend(naming(folder, "dispatch"));
    }
    wrong.extend(naming("eventstore/src", "read"));
    wrong.extend(naming("eventstore/src", "once"));
    wrong.extend(naming("dispatch/src", "read"));
    assert_eq!(wrong, Vec::<String>::new());
    assert!(
        !naming("dispatch/src", "dispatch").is_empty(),
        "it finds what there is"
    );
}
