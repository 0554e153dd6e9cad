//! The part of an operation's description that is written by hand.

use std::borrow::Cow;

use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        ObjectBuilder, OneOfBuilder, Ref, RefOr,
        schema::{Schema, SchemaType, Type},
    },
};

use super::sketch::Component;

/// The description of an operation beyond its handler's parameters.
#[derive(Clone, Default)]
pub(crate) struct About {
    pub(super) summary: &'static str,
    pub(super) note: Option<&'static str>,
    pub(super) alias_of: Option<Cow<'static, str>>,
    pub(super) within: Option<&'static str>,
    pub(super) required: &'static [&'static str],
    pub(super) answer: Answered,
    pub(super) etag: bool,
    pub(super) components: Vec<Component>,
    pub(super) also: Vec<(u16, &'static str)>,
    pub(super) takes: &'static [&'static str],
    pub(super) example: Option<Value>,
    pub(super) enveloped: bool,
}

/// The content of a 200.
#[derive(Clone, Default)]
pub(super) enum Answered {
    /// The list that the parameters describe.
    #[default]
    Listed,
    /// JSON of this form.
    Json(Box<RefOr<Schema>>),
    /// `{"<kind>_id": n}`.
    Id(&'static str),
    /// Another content, by its type.
    Other(&'static str),
}

/// The type of a field of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// An id.
    Id,
    /// Text.
    Text,
    /// Text or null.
    MaybeText,
    /// A whole number, from zero.
    Number,
}

impl Shape {
    fn schema(self) -> ObjectBuilder {
        let of = ObjectBuilder::new();
        match self {
            Self::Id => of.schema_type(Type::Integer).minimum(Some(1)),
            Self::Number => of.schema_type(Type::Integer).minimum(Some(0)),
            Self::Text => of.schema_type(Type::String),
            Self::MaybeText => of.schema_type(SchemaType::from_iter([Type::String, Type::Null])),
        }
    }
}

/// Begins the description of an operation with its summary: a short sentence with what it does, and
/// to what.
pub(crate) fn op(summary: &'static str) -> About {
    About {
        summary,
        ..About::default()
    }
}

/// Describes another spelling of an operation, which is given as in the routes: `DELETE
/// /contacts/{contact_id}` for instance.
pub(super) fn alias(of: impl Into<Cow<'static, str>>) -> About {
    About {
        alias_of: Some(of.into()),
        ..About::default()
    }
}

impl About {
    /// Adds a paragraph, where the summary leaves a question open.
    pub fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    /// Puts the answers into the envelope of the documented PBX API.
    pub fn enveloped(mut self) -> Self {
        self.enveloped = true;
        self
    }

    /// Describes the tenant that the request may name.
    pub fn within(mut self, tenant: &'static str) -> Self {
        self.within = Some(tenant);
        self
    }

    /// The fields that the body must have.
    pub fn requires(mut self, fields: &'static [&'static str]) -> Self {
        self.required = fields;
        self
    }

    /// Answers `{"<kind>_id": n}`.
    pub fn id(mut self, kind: &'static str) -> Self {
        self.answer = Answered::Id(kind);
        self
    }

    /// Answers a single resource, its version in `ETag`.
    pub fn row<T: ToSchema>(mut self) -> Self {
        self.etag = true;
        self.json::<T>()
    }

    /// Answers JSON of this type.
    pub fn json<T: ToSchema>(mut self) -> Self {
        self.answer = Answered::Json(Box::new(component::<T>(&mut self.components)));
        self
    }

    /// Answers JSON of the type given before, or else a single resource, its version in `ETag`.
    pub fn or_row<T: ToSchema>(mut self) -> Self {
        let Answered::Json(other) = std::mem::take(&mut self.answer) else {
            return self.row::<T>();
        };
        let either = OneOfBuilder::new()
            .item(*other)
            .item(component::<T>(&mut self.components));
        self.etag = true;
        self.json_of(either)
    }

    /// Answers an array of these, all of them at once.
    pub fn array_of<T: ToSchema>(mut self) -> Self {
        let array =
            utoipa::openapi::ArrayBuilder::new().items(component::<T>(&mut self.components));
        self.answer = Answered::Json(Box::new(array.into()));
        self
    }

    /// Answers JSON of this form.
    pub fn json_of(mut self, schema: impl Into<RefOr<Schema>>) -> Self {
        self.answer = Answered::Json(Box::new(schema.into()));
        self
    }

    /// Answers an object of these fields.
    pub fn fields(self, fields: &[(&str, Shape)]) -> Self {
        let object = fields
            .iter()
            .fold(ObjectBuilder::new(), |object, (name, shape)| {
                object.property(*name, shape.schema()).required(*name)
            });
        self.json_of(object)
    }

    /// Answers something that is not JSON.
    pub fn file(mut self, content_type: &'static str) -> Self {
        self.answer = Answered::Other(content_type);
        self
    }

    /// The content types of a body that is taken as bytes.
    pub fn takes(mut self, content_types: &'static [&'static str]) -> Self {
        self.takes = content_types;
        self
    }

    /// An example of the body, where one made of its fields would not do.
    pub fn example(mut self, body: Value) -> Self {
        self.example = Some(body);
        self
    }

    /// Adds a status, with its meaning for this operation.
    pub fn answers(mut self, status: u16, meaning: &'static str) -> Self {
        self.also.push((status, meaning));
        self
    }
}

/// A reference to the type's schema, which is put among the components.
pub(crate) fn component<T: ToSchema>(components: &mut Vec<Component>) -> RefOr<Schema> {
    let name = T::name().into_owned();
    T::schemas(components);
    components.push((name.clone(), T::schema()));
    Ref::from_schema_name(name).into()
}
