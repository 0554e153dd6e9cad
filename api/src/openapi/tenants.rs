//! Tenants in the description. It names them where several companies share the installation; a
//! company that is alone finds nothing of them but the resource `/tenants` itself.

use serde_json::{Map, Value};
use utoipa::openapi::{
    ObjectBuilder,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::Type,
};

use super::{Sketch, about::About};
use crate::authorization::TENANT_ID;

/// The description of the tenant in a request that creates something.
pub(crate) const CREATED_WITHIN: &str =
    "The tenant within which it is created, one of the caller's; without it their home tenant.";
/// The beginnings of the paths of the resource itself.
const RESOURCE: [&str; 2] = ["/tenants", "/pbx/tenants"];
/// The schema of its rows.
const ROW: &str = "TenantRow";

/// The description of the tenant that a request for an operation may name. What is created below
/// something else is of the tenant of that.
pub(super) fn named(path: &str, about: &About, sketch: &Sketch) -> Option<&'static str> {
    let created = sketch.created_within.filter(|_| !path.contains("_id}"));
    about.within.or(created)
}

/// The schema of the field and of the parameter.
pub(super) fn schema(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .description(Some(description))
}

/// The parameter in the query.
pub(super) fn parameter(description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(TENANT_ID)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .schema(Some(schema(description)))
        .build()
}

/// Removes what is there only where several companies share the installation.
pub(super) fn hide(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas");
    let schemas = schemas.and_then(Value::as_object_mut);
    for (_, schema) in schemas
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != ROW)
    {
        hide_field(schema);
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let paths = paths.into_iter().flatten();
    let items = paths.filter(|(path, _)| !RESOURCE.iter().any(|it| path.starts_with(it)));
    let operations = items.filter_map(|(_, item)| item.as_object_mut());
    for operation in operations.flat_map(Map::values_mut) {
        if let Some(parameters) = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut)
        {
            parameters.retain(|it| it["name"] != TENANT_ID || it["in"] != "query");
        }
        let body = "/requestBody/content/application~1json/schema";
        if let Some(schema) = operation.pointer_mut(body) {
            hide_field(schema);
        }
    }
}

/// Removes the field, unless it has to be given.
fn hide_field(schema: &mut Value) {
    let required = schema["required"].as_array();
    if required.is_some_and(|names| names.iter().any(|name| name == TENANT_ID)) {
        return;
    }
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(fields) = fields {
        fields.remove(TENANT_ID);
    }
}
