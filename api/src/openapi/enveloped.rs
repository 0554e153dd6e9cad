//! The answers of the documented PBX API, which have an envelope of their own.

use serde_json::json;
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, RefOr, Response, ResponseBuilder,
    schema::{Schema, Type},
};

use super::problems;

/// The envelope of an answer with these data.
pub(super) fn success(data: RefOr<Schema>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .property("status", word("success"))
        .property("data", data)
        .required("status")
        .required("data")
        .into()
}

/// The answer to a request that fails with this status.
pub(super) fn failure(status: u16, meaning: Option<&str>) -> RefOr<Response> {
    let message = ObjectBuilder::new().schema_type(Type::String);
    let failed = ObjectBuilder::new()
        .property("status", word("failed"))
        .property("message", message)
        .required("status")
        .required("message");
    let example = json!({"status": "failed", "message": "Record Not Found."});
    let content = ContentBuilder::new()
        .schema(Some(failed))
        .example(Some(example))
        .build();
    let meaning = meaning.unwrap_or_else(|| problems::meaning(status));
    ResponseBuilder::new()
        .description(meaning)
        .content("application/json", content)
        .build()
        .into()
}

/// The schema of a field of a form: an object is written as JSON in a text.
pub(super) fn form_field(schema: RefOr<Schema>) -> RefOr<Schema> {
    match &schema {
        RefOr::T(Schema::Object(object)) if object.schema_type == Type::Object.into() => {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .content_media_type("application/json")
                .into()
        }
        _ => schema,
    }
}

fn word(word: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([word]))
}
