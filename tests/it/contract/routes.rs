//! The list of routes.

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

/// Every route there is.
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

    /// The names in braces.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Method and path, as people say them.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether there are ids in the path.
    pub fn has_ids(&self) -> bool {
        self.path.contains("_id}")
    }

    /// The path with all parameters called the same: what a router can tell apart.
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

    /// Whether it takes a permission to use it.
    pub fn needs_permission(&self) -> bool {
        !["public", "authenticated"].contains(&self.permission)
    }

    /// Whether it writes although it is a GET.
    pub fn is_mutating_get(&self) -> bool {
        self.method == "GET" && self.changes_something()
    }

    /// True if it writes: by its method, as another spelling of one that does, or as the
    /// one documented GET that is neither.
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

/// The methods of every shape that this one is a case of, as `/users/csv` is of `/users/{}`.
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
