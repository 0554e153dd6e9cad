//! Every file of these tests is compiled: a file that no `mod` names would be silently left out.

use std::{fs, path::Path};

/// The names of the Rust files of a folder that are not named in its root file.
fn left_out(folder: &Path, root: &str) -> Vec<String> {
    let names = fs::read_to_string(folder.join(root)).unwrap();
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "rs"));
    let stems = files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned());
    let is_named = |stem: &str| {
        names
            .lines()
            .any(|line| line.ends_with(&format!("mod {stem};")))
    };
    let left_out = stems.filter(|stem| format!("{stem}.rs") != root && !is_named(stem));
    left_out
        .map(|stem| format!("{}/{stem}.rs", folder.display()))
        .collect()
}

#[test]
fn every_file_is_a_module() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut wrong = left_out(&here, "main.rs");
    for entry in fs::read_dir(&here).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("mod.rs").is_file() {
            wrong.extend(left_out(&folder, "mod.rs"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
