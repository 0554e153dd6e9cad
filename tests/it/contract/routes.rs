//! The list of all routes, from `tests/contract/routes.tsv`.

use std::collections::BTreeSet;

use serde_json::Value;

const TABLE: &str = include_str!("../../contract/routes.tsv");

/// A row of the list.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub operation: &'static str,
    pub permission: &'static str,
    pub alias_of: &'static str,
    pub document: &'static str,
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
            document: next(),
        }
    });
    rows.collect()
}

/// The kinds of things that belong to the installation, so that ordinary users make none.
const INSTALLATION: [&str; 6] = [
    "permission",
    "phone_model",
    "provider",
    "role",
    "tenant",
    "user",
];

/// The kinds of things that belong to tenants as a whole, so that ordinary users make none.
const TENANTS: [&str; 11] = [
    "condition",
    "custom",
    "destination",
    "did",
    "disa",
    "extension",
    "hunt",
    "ivr",
    "phone",
    "rate_table",
    "voicemail",
];

/// The kinds of things that nobody creates: an attachment is a part of a message, with a number
/// instead of an id, and the record of a call comes with its end.
const DERIVED: [&str; 2] = ["attachment", "cdr"];

/// The route of an operation, not another spelling of it.
pub fn operation(name: &str) -> Option<Route> {
    let mut all = all().into_iter();
    all.find(|route| route.operation == name && route.alias_of.is_empty())
}

/// The kinds of things that an ordinary user can own: all that have ids in paths.
pub fn owned() -> BTreeSet<&'static str> {
    let all = all();
    let ids = all.iter().flat_map(Route::parameters);
    let kinds = ids.filter_map(|name| name.strip_suffix("_id"));
    let is_owned = |kind: &&str| {
        !INSTALLATION.contains(kind) && !TENANTS.contains(kind) && !DERIVED.contains(kind)
    };
    kinds.filter(is_owned).collect()
}

/// The kinds of things that belong to tenants as a whole.
pub fn of_tenants() -> BTreeSet<&'static str> {
    TENANTS.into()
}

/// The kinds of things that bodies refer to by id.
pub fn referred() -> BTreeSet<&'static str> {
    let mut kinds = owned();
    kinds.extend(of_tenants());
    kinds.insert("phone_model");
    kinds
}

impl Route {
    /// The path with this id in the place of the only parameter.
    pub fn about(&self, id: i64) -> String {
        let segments = self.path.split('/');
        let ids = segments.map(|one| match one.strip_prefix('{') {
            Some(_) => id.to_string(),
            None => one.to_owned(),
        });
        ids.collect::<Vec<_>>().join("/")
    }

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
        shape(self.path)
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

    /// True if it takes forms, as the documented PBX API does.
    pub fn takes_forms(&self) -> bool {
        self.document == "004" && self.method == "POST"
    }

    /// True if it writes: by its method, as an alias of a route that writes, as the one documented
    /// GET that is neither, or as the one that records that a secret was read.
    pub fn changes_something(&self) -> bool {
        let writes = ["POST ", "PUT ", "DELETE "];
        let is_alias = writes.iter().any(|verb| self.alias_of.starts_with(verb));
        let gets = ["transmission.clone", "account.provisioning"];
        self.method != "GET" || is_alias || gets.contains(&self.operation)
    }
}

/// A path with all parameters replaced by `{}`.
pub fn shape(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|one| if one.starts_with('{') { "{}" } else { one });
    segments.collect::<Vec<_>>().join("/")
}

/// The operation of a route in our own description.
pub fn described(description: &Value, route: Route) -> Option<&Value> {
    let paths = description["paths"].as_object()?;
    let (_, item) = paths
        .iter()
        .find(|(path, _)| shape(path) == route.shape())?;
    item.get(route.method.to_lowercase())
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
