//! What the parameters of a handler say of its operation.

use std::fmt;

use axum::{
    extract::{MatchedPath, State},
    http::HeaderMap,
};
use utoipa::openapi::{
    RefOr,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::Schema,
};

/// A named schema that others may refer to.
pub(crate) type Component = (String, RefOr<Schema>);

/// An operation as its handler's parameters describe it.
#[derive(Clone, Default)]
pub(crate) struct Sketch {
    /// Whether one has to be logged in.
    pub authenticated: bool,
    /// True if the handler can change something.
    pub changes: bool,
    /// The permissions that are needed, all of them.
    pub permissions: Vec<String>,
    /// The schemas of the parameters in the path, in their order.
    pub segments: Vec<RefOr<Schema>>,
    /// Parameters in the query and the headers.
    pub parameters: Vec<Parameter>,
    /// The fields of the JSON body, if one is read.
    pub fields: Option<Vec<Field>>,
    /// Whether the body is bytes of any kind.
    pub bytes: bool,
    /// The schema of what is listed, if something is.
    pub listed: Option<RefOr<Schema>>,
    /// What these schemas refer to.
    pub components: Vec<Component>,
    /// Statuses that are answered when something is wrong.
    pub refusals: Vec<u16>,
}

impl Sketch {
    /// Notes a permission without which the answer is 403.
    pub fn needs(&mut self, permission: String) {
        self.authenticated = true;
        self.permissions.push(permission);
        self.refuses(&[401, 403, 429]);
    }

    /// Notes statuses that are answered when something is wrong.
    pub fn refuses(&mut self, statuses: &[u16]) {
        for status in statuses {
            if !self.refusals.contains(status) {
                self.refusals.push(*status);
            }
        }
    }

    /// Adds a parameter of the query that may be left out.
    pub fn query(&mut self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) {
        self.optional(ParameterIn::Query, name, description, schema);
    }

    /// Adds a header that may be left out.
    pub fn header(&mut self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) {
        self.optional(ParameterIn::Header, name, description, schema);
    }

    fn optional(
        &mut self,
        place: ParameterIn,
        name: &str,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .description(Some(description))
            .schema(Some(schema));
        self.parameters.push(parameter.build());
    }
}

/// A field of a JSON body.
#[derive(Clone)]
pub(crate) struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub schema: RefOr<Schema>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A parameter of a handler that can say what it takes from a request.
pub(crate) trait Describe {
    /// Adds what it knows.
    fn describe(sketch: &mut Sketch);
}

/// What the program is made of, which no request says anything about.
impl<S> Describe for State<S> {
    fn describe(_sketch: &mut Sketch) {}
}

/// The headers of the request.
impl Describe for HeaderMap {
    fn describe(_sketch: &mut Sketch) {}
}

/// The route itself.
impl Describe for MatchedPath {
    fn describe(_sketch: &mut Sketch) {}
}
