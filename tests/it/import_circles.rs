//! The files of a crate do not import each other in circles.
//!
//! A file and those in its folder are one thing seen from both ends, so that imports of a parent by
//! its child are not counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::architecture::{members, root, sources};

/// The path of a module within its crate; that of the crate itself is empty.
type Module = Vec<String>;

/// The modules of a crate, each with its code but for comments and tests.
fn modules(folder: &Path) -> BTreeMap<Module, String> {
    let source = root().join(folder).join("src");
    let files = sources(&source).into_iter();
    let rust = files.filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    rust.map(|path| {
        let inside = path.strip_prefix(&source).unwrap().with_extension("");
        let names = inside
            .iter()
            .map(|name| name.to_string_lossy().into_owned());
        let mut module: Module = names.collect();
        module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
        (module, code(&fs::read_to_string(&path).unwrap()))
    })
    .collect()
}

fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that begin with `crate` or `super`, and those of `use`, one for each name in braces.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let begins = code[..at]
            .chars()
            .next_back()
            .is_none_or(|c| " \n(".contains(c));
        if let Some((tree, _)) = code[at + 4..].split_once(';').filter(|_| begins) {
            expand("", tree, &mut found);
        }
    }
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
            found.push(code[at..].split(end).next().unwrap().to_owned());
        }
    }
    found
}

/// The paths of a tree of imports.
fn expand(before: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((path, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap();
        return found.push(format!("{before}{path}"));
    };
    let before = format!("{before}{path}");
    let (mut depth, mut one) = (0, String::new());
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            expand(&before, &std::mem::take(&mut one), found);
        } else {
            one.push(c);
        }
    }
    if !one.trim().is_empty() {
        expand(&before, &one, found);
    }
}

/// The module of the crate that a path in `from` names; none if it is of another crate.
fn target(path: &str, from: &Module, modules: &BTreeMap<Module, String>) -> Option<Module> {
    let names: Vec<&str> = path.split("::").map(str::trim).collect();
    let mut module = from.clone();
    let child = |name: &str| [from.as_slice(), &[name.to_owned()]].concat();
    let rest = match names.as_slice() {
        ["crate", rest @ ..] => {
            module.clear();
            rest
        }
        ["self", rest @ ..] => rest,
        ["super", ..] => {
            let ups = names.iter().take_while(|name| **name == "super").count();
            module.truncate(from.len().saturating_sub(ups));
            &names[ups..]
        }
        [first, ..] if modules.contains_key(&child(first)) => &names[..],
        _ => return None,
    };
    module.extend(
        rest.iter()
            .filter(|name| **name != "self")
            .map(|name| (*name).to_owned()),
    );
    while !modules.contains_key(&module) {
        module.pop()?;
    }
    Some(module)
}

/// The modules that each module imports, but for those above and below it.
fn imports(modules: &BTreeMap<Module, String>) -> BTreeMap<&Module, BTreeSet<Module>> {
    let of = |(module, code): (&'_ Module, &String)| -> BTreeSet<Module> {
        let named = paths(code).into_iter();
        let named = named.filter_map(|path| target(&path, module, modules));
        named
            .filter(|other| !other.starts_with(module) && !module.starts_with(other))
            .collect()
    };
    modules
        .iter()
        .map(|(module, code)| (module, of((module, code))))
        .collect()
}

/// The modules that lead to each other, with themselves among them.
fn circles(imports: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(
                imports[module]
                    .iter()
                    .filter(|other| seen.insert((*other).clone())),
            );
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<Module>> = imports
        .keys()
        .map(|module| (*module, reached(module)))
        .collect();
    let circle = |module: &Module| -> BTreeSet<String> {
        let both = reach[module]
            .iter()
            .filter(|other| reach[other].contains(module));
        both.map(|other| other.join("::")).collect()
    };
    let all = imports.keys().map(|module| circle(module));
    all.filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_files_import_each_other_in_circles() {
    let mut found = BTreeMap::new();
    let with_sources = |folder: &PathBuf| root().join(folder).join("src").is_dir();
    for (name, folder) in members().into_iter().filter(|it| with_sources(&it.1)) {
        let modules = modules(&folder);
        let circles = circles(&imports(&modules));
        if !circles.is_empty() {
            found.insert(name, circles);
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let modules: BTreeMap<Module, String> = [
        ("a", "use super::{b::{self, B}, c};"),
        ("b", "fn f() { crate::c::g() }"),
        ("c", "use std::fmt;\nuse crate::a as other;"),
        ("d", "use super::a;"),
    ]
    .map(|(name, code)| (module(name), code.to_owned()))
    .into();
    let expected = ["a", "b", "c"].map(ToOwned::to_owned).into();
    assert_eq!(circles(&imports(&modules)), [expected].into());
}
