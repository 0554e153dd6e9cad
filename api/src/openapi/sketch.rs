//! The description of an operation by its handler's parameters.

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

use crate::authorization::Owned;

/// A named schema that others may refer to.
pub(crate) type Component = (String, RefOr<Schema>);

/// An operation as its handler's parameters describe it.
#[derive(Clone, Default)]
pub(crate) struct Sketch {
    /// True if the caller must be logged in.
    pub authenticated: bool,
    /// True if the handler can change something.
    pub changes: bool,
    /// The permissions that are needed, all of them.
    pub permissions: Vec<String>,
    /// The owners of the things that each of these permissions is for.
    pub owned: Vec<Owned>,
    /// The schemas of the parameters in the path, in their order.
    pub segments: Vec<RefOr<Schema>>,
    /// Parameters in the query and the headers.
    pub parameters: Vec<Parameter>,
    /// The description of the tenant that a request may name for what it creates.
    pub created_within: Option<&'static str>,
    /// The fields of the JSON body, if one is read.
    pub fields: Option<Vec<Field>>,
    /// True if the body may be a form as well.
    pub form: bool,
    /// True if the body is bytes of any type.
    pub bytes: bool,
    /// The schema of the rows, if the operation lists some.
    pub listed: Option<RefOr<Schema>>,
    /// The schemas that those of this sketch refer to.
    pub components: Vec<Component>,
    /// Statuses of refusals.
    pub refusals: Vec<u16>,
}

impl Sketch {
    /// Adds a permission, for things of these owners, without which the answer is 403.
    pub fn needs(&mut self, permission: String, owned: Owned) {
        self.authenticated = true;
        self.permissions.push(permission);
        self.owned.push(owned);
        self.refuses(&[401, 403, 429]);
    }

    /// The permissions that are needed, and whose things each is for.
    pub fn needed(&self) -> impl Iterator<Item = (String, Owned)> {
        let permissions = self.permissions.iter().cloned();
        permissions.zip(self.owned.iter().copied())
    }

    /// Notes statuses of refusals.
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
    /// The name of the field.
    pub name: &'static str,
    /// The schema of the field.
    pub schema: RefOr<Schema>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A parameter of a handler that describes what it takes from a request.
pub(crate) trait Describe {
    /// Adds its part to the description.
    fn describe(sketch: &mut Sketch);
}

/// The state of the program, which takes nothing from a request.
impl<S> Describe for State<S> {
    fn describe(_sketch: &mut Sketch) {}
}

/// The headers of the request.
impl Describe for HeaderMap {
    fn describe(_sketch: &mut Sketch) {}
}

/// The matched route.
impl Describe for MatchedPath {
    fn describe(_sketch: &mut Sketch) {}
}
