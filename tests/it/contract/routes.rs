//! The list of all routes, from `tests/contract/routes.tsv`.

use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../contract/routes.tsv");

/// A row of the list.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub operation: &'static str,
    pub permission: &'static str,
    pub alias_of: &'static str,
}

/// All routes.
pub fn all() -> Vec<Route> {
    let rows = TABLE.lines().skip(1).map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        Route {
            method: next(),
            path: next(),
            operation: next(),
            permission: next(),
            alias_of: next(),
        }
    });
    rows.collect()
}

impl Route {
    /// The path with ids that nothing has.
    pub fn unknown(&self) -> String {
        let segments = self.path.split('/').map(|segment| match segment {
            "{program_name}" => "sendemail",
            "{name}" => "anything",
            "{action}" => "start",
            other if other.starts_with('{') => "999999999",
            other => other,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// The names of the parameters, which are in braces.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The method and the path, for messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// True if there are ids in the path.
    pub fn has_ids(&self) -> bool {
        self.path.contains("_id}")
    }

    /// The path with all parameters replaced by `{}`: the form that a router can distinguish.
    pub fn shape(&self) -> String {
        let segments = self.path.split('/');
        segments
            .map(|one| if one.starts_with('{') { "{}" } else { one })
            .collect::<Vec<_>>()
            .join("/")
    }

    pub fn is_public(&self) -> bool {
        self.permission == "public"
    }

    /// True if its use requires a permission.
    pub fn needs_permission(&self) -> bool {
        !["public", "authenticated"].contains(&self.permission)
    }

    /// True if it is a GET that writes.
    pub fn is_mutating_get(&self) -> bool {
        self.method == "GET" && self.changes_something()
    }

    /// True if it writes: by its method, as an alias of a route that writes, or as the one
    /// documented GET that is neither.
    pub fn changes_something(&self) -> bool {
        let writes = ["POST ", "PUT ", "DELETE "];
        let is_alias = writes.iter().any(|verb| self.alias_of.starts_with(verb));
        self.method != "GET" || is_alias || self.operation == "transmission.clone"
    }
}

/// The methods that are listed for paths of exactly this shape.
pub fn methods(shape: &str) -> BTreeSet<&'static str> {
    all()
        .iter()
        .filter(|route| route.shape() == shape)
        .map(|route| route.method)
        .collect()
}

/// The methods of every shape that includes this one, as `/users/{}` includes `/users/csv`.
pub fn methods_around(shape: &str) -> BTreeSet<&'static str> {
    let case_of = |wide: &str| {
        let (narrow, wide) = (shape.split('/'), wide.split('/'));
        narrow.clone().count() == wide.clone().count()
            && narrow
                .zip(wide)
                .all(|(one, other)| one == other || other == "{}")
    };
    all()
        .iter()
        .filter(|route| case_of(&route.shape()))
        .map(|route| route.method)
        .collect()
}
