//! What a person says of an operation.

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

/// What is said of an operation beyond what its handler's parameters say.
#[derive(Clone, Default)]
pub(crate) struct About {
    pub(super) summary: &'static str,
    pub(super) note: Option<&'static str>,
    pub(super) alias_of: Option<Cow<'static, str>>,
    pub(super) required: &'static [&'static str],
    pub(super) answer: Answered,
    pub(super) etag: bool,
    pub(super) components: Vec<Component>,
    pub(super) also: Vec<(u16, &'static str)>,
    pub(super) takes: &'static [&'static str],
    pub(super) example: Option<Value>,
}

/// What a 200 holds.
#[derive(Clone, Default)]
pub(super) enum Answered {
    /// What the parameters say: a list.
    #[default]
    Listed,
    /// JSON of this form.
    Json(Box<RefOr<Schema>>),
    /// `{"<kind>_id": n}`.
    Id(&'static str),
    /// Something else, by its content type.
    Other(&'static str),
}

/// What a field of an answer holds.
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

/// An operation, in a short sentence: what it does, and to what.
pub(crate) fn op(summary: &'static str) -> About {
    About {
        summary,
        ..About::default()
    }
}

/// Another spelling of an operation, `DELETE /contacts/{contact_id}` for instance, as it
/// stands in the routes.
pub(crate) fn alias(of: impl Into<Cow<'static, str>>) -> About {
    About {
        alias_of: Some(of.into()),
        ..About::default()
    }
}

impl About {
    /// A paragraph more, where the summary leaves a question open.
    pub fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
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

    /// Answers this.
    pub fn json<T: ToSchema>(mut self) -> Self {
        self.answer = Answered::Json(Box::new(component::<T>(&mut self.components)));
        self
    }

    /// Answers what was said so far or else a single resource, its version in `ETag`.
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

    /// The kinds of body that are taken as they are, where they are not JSON.
    pub fn takes(mut self, content_types: &'static [&'static str]) -> Self {
        self.takes = content_types;
        self
    }

    /// A request's body for people to begin with, where one made of its fields would not do.
    pub fn example(mut self, body: Value) -> Self {
        self.example = Some(body);
        self
    }

    /// A further status, and what it means here.
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
