//! The OpenAPI document, put together from the description of each route.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::{
    Components, ComponentsBuilder, ContentBuilder, Deprecated, HeaderBuilder, HttpMethod, Info,
    License, ObjectBuilder, OpenApiBuilder, Paths, PathsBuilder, RefOr, Required, ResponseBuilder,
    ResponsesBuilder,
    link::Link,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
    schema::{ArrayBuilder, Schema, SchemaType, Type},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

use super::{
    about::{About, Answered},
    enveloped, examples, problems,
    routes::Operation,
    tenants,
};
use crate::authorization::TENANT_ID;

const DESCRIPTION: &str = "Contacts, messages and programs; calls, faxes, SMS and emails placed \
    singly or as campaigns; every change an event that can be replayed.\n\nRequests are read \
    leniently: ids and flags as numbers or numeric strings, `null` clears an optional field. \
    Answers are strict: ids, flags and unix times are numbers, a phone is a string.";

const BASIC: &str = "The login name (or the email address) and the password of a user.";
const BEARER: &str = "The `token` that `POST /authenticate` answers.";
/// The first segments of the paths that are about the installation itself.
const SYSTEM: [&str; 5] = ["docs", "healthz", "metrics", "openapi.json", "readyz"];

/// The whole document, with a change of it before examples are made of its schemas.
pub(super) fn document(operations: &[Operation], change: impl FnOnce(&mut Value)) -> Value {
    let resolved: Vec<Resolved<'_>> = operations
        .iter()
        .map(|operation| Resolved::new(operation, operations))
        .collect();
    let mut components = ComponentsBuilder::new().schemas_from_iter(
        resolved
            .iter()
            .flat_map(|it| {
                let sketched = it.operation.sketch.components.iter();
                sketched.chain(&it.about.components)
            })
            .cloned(),
    );
    components = components
        .schema(problems::SCHEMA, problems::schema())
        .responses_from_iter(problems::responses())
        .security_scheme("bearer", scheme(HttpAuthScheme::Bearer, BEARER))
        .security_scheme("basic", scheme(HttpAuthScheme::Basic, BASIC));
    let info = Info::builder()
        .title("Ledgerline")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            License::builder()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    let document = OpenApiBuilder::new()
        .info(info)
        .paths(paths(&resolved))
        .components(Some(Components::from(components)))
        .tags(Some(tags(&resolved)))
        .build();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    change(&mut document);
    examples::add(&mut document);
    document
}

/// An operation with its description, which for another spelling is that of the original.
struct Resolved<'a> {
    operation: &'a Operation,
    about: &'a About,
    alias_of: Option<&'a Operation>,
}

impl<'a> Resolved<'a> {
    fn new(operation: &'a Operation, all: &'a [Operation]) -> Self {
        let named = |of: &str| {
            all.iter()
                .find(|it| of.split_once(' ') == Some((it.method, it.path.as_str())))
        };
        let alias_of = operation.about.alias_of.as_deref().and_then(named);
        Self {
            operation,
            about: alias_of.map_or(&operation.about, |of| &of.about),
            alias_of,
        }
    }

    /// True for a GET that changes something as another spelling: it is there for clients of the
    /// original only.
    fn is_deprecated(&self) -> bool {
        let changes = |of: &Operation| of.method != "GET";
        self.operation.method == "GET" && self.alias_of.is_some_and(changes)
    }

    /// The description of the tenant that the request may name.
    fn tenant(&self) -> Option<&'static str> {
        let path = self.alias_of.map_or(&self.operation.path, |of| &of.path);
        tenants::named(path, self.about, &self.operation.sketch)
    }

    fn tag(&self) -> &str {
        let path = self.alias_of.map_or(&self.operation.path, |of| &of.path);
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match parts.next() {
            Some(area @ ("messages" | "pbx")) => parts.next().unwrap_or(area),
            Some(first) if !SYSTEM.contains(&first) => first,
            _ => "system",
        }
    }

    fn id(&self) -> String {
        let words = format!("{} {}", self.operation.method, self.operation.path);
        let words = words.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<_> = words
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        words.join("_")
    }

    fn permissions(&self) -> Vec<&str> {
        let permissions = &self.operation.sketch.permissions;
        permissions.iter().map(String::as_str).collect()
    }

    fn note(&self) -> Option<String> {
        let needed = match self.permissions().as_slice() {
            [] if self.operation.sketch.authenticated => {
                Some("Needs a login, and no permission.".to_owned())
            }
            [] => None,
            [one] => Some(format!("Needs permission `{one}`.")),
            several => Some(format!("Needs permissions `{}`.", several.join("`, `"))),
        };
        let spelling = self
            .alias_of
            .map(|of| format!("Another spelling of `{} {}`.", of.method, of.path));
        let parts: Vec<String> = [self.about.note.map(str::to_owned), spelling, needed]
            .into_iter()
            .flatten()
            .collect();
        (!parts.is_empty()).then(|| parts.join("\n\n"))
    }
}

fn tags(resolved: &[Resolved<'_>]) -> Vec<utoipa::openapi::Tag> {
    let mut names: Vec<&str> = resolved.iter().map(Resolved::tag).collect();
    names.sort_unstable();
    names.dedup();
    let tag = |name| TagBuilder::new().name(name).build();
    names.into_iter().map(tag).collect()
}

fn paths(resolved: &[Resolved<'_>]) -> Paths {
    let mut paths = PathsBuilder::new().build();
    for it in resolved {
        let method = match it.operation.method {
            "POST" => HttpMethod::Post,
            "PUT" => HttpMethod::Put,
            "DELETE" => HttpMethod::Delete,
            _ => HttpMethod::Get,
        };
        paths.add_path_operation(&it.operation.path, vec![method], operation(it, resolved));
    }
    paths
}

fn operation(it: &Resolved<'_>, all: &[Resolved<'_>]) -> utoipa::openapi::path::Operation {
    let sketch = &it.operation.sketch;
    let mut built = OperationBuilder::new()
        .tag(it.tag())
        .operation_id(Some(it.id()))
        .summary(Some(it.about.summary))
        .description(it.note())
        .deprecated(it.is_deprecated().then_some(Deprecated::True))
        .request_body(body(it))
        .responses(responses(it, all));
    let tenant = it.tenant().filter(|_| sketch.fields.is_none());
    let parameters = path_parameters(it.operation).chain(sketch.parameters.iter().cloned());
    for parameter in parameters.chain(tenant.map(tenants::parameter)) {
        built = built.parameter(parameter);
    }
    if sketch.authenticated {
        let none: [&str; 0] = [];
        built = built
            .security(SecurityRequirement::new("bearer", none))
            .security(SecurityRequirement::new("basic", none));
    }
    built.build()
}

fn path_parameters(
    operation: &Operation,
) -> impl Iterator<Item = utoipa::openapi::path::Parameter> {
    let names = operation.path.split('{').skip(1);
    let names = names.filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    let anything = || RefOr::from(text());
    let schemas = operation.sketch.segments.iter().cloned().map(Some);
    names
        .zip(schemas.chain(std::iter::repeat(None)))
        .map(move |(name, schema)| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(schema.unwrap_or_else(anything)))
                .build()
        })
}

fn body(it: &Resolved<'_>) -> Option<RequestBody> {
    let sketch = &it.operation.sketch;
    if sketch.bytes {
        let kinds = match it.about.takes {
            [] => &["application/octet-stream"],
            kinds => kinds,
        };
        let bytes = ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .content_media_type(*kinds.first().unwrap_or(&"application/octet-stream"));
        let content = ContentBuilder::new().schema(Some(bytes)).build();
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        let body = kinds
            .iter()
            .fold(body, |body, kind| body.content(*kind, content.clone()));
        return Some(body.build());
    }
    let fields = sketch.fields.as_ref().filter(|fields| !fields.is_empty())?;
    let (mut object, mut form) = (ObjectBuilder::new(), ObjectBuilder::new());
    for field in fields {
        object = object.property(field.name, field.schema.clone());
        form = form.property(field.name, enveloped::form_field(field.schema.clone()));
    }
    if let Some(said) = it.tenant() {
        object = object.property(TENANT_ID, tenants::schema(said));
    }
    for required in it.about.required {
        object = object.required(*required);
        form = form.required(*required);
    }
    let content = ContentBuilder::new()
        .schema(Some(object))
        .example(it.about.example.clone())
        .build();
    let required = match it.about.required {
        [] => Required::False,
        _ => Required::True,
    };
    let mut body = RequestBodyBuilder::new().required(Some(required));
    body = body.content("application/json", content);
    if sketch.form {
        let content = ContentBuilder::new().schema(Some(form)).build();
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data"] {
            body = body.content(kind, content.clone());
        }
    }
    Some(body.build())
}

fn responses(it: &Resolved<'_>, all: &[Resolved<'_>]) -> utoipa::openapi::Responses {
    let refusals = it.operation.sketch.refusals.iter();
    let mut said: BTreeMap<u16, Option<&str>> = refusals
        .chain(&[500, 503])
        .map(|status| (*status, None))
        .collect();
    let own = it.about.also.iter();
    said.extend(own.map(|(status, meaning)| (*status, Some(*meaning))));
    let success = links(it, all)
        .into_iter()
        .fold(success(it), |success, (name, link)| {
            success.link(name, link)
        });
    let responses = ResponsesBuilder::new().response("200", success.build());
    let failure = if it.about.enveloped {
        enveloped::failure
    } else {
        problems::response
    };
    let responses = said.into_iter().fold(responses, |all, (status, meaning)| {
        all.response(status.to_string(), failure(status, meaning))
    });
    responses.build()
}

/// Links from an operation that creates something to everything that can be done with it.
fn links(it: &Resolved<'_>, all: &[Resolved<'_>]) -> Vec<(String, Link)> {
    let Answered::Id(kind) = it.about.answer else {
        return Vec::new();
    };
    if it.operation.method != "POST" || it.alias_of.is_some() {
        return Vec::new();
    }
    let field = format!("{kind}_id");
    let (parameter, value) = (format!("{{{field}}}"), format!("$response.body#/{field}"));
    let about_it = all
        .iter()
        .filter(|other| other.alias_of.is_none() && other.operation.path.contains(&parameter));
    let link = |other: &Resolved<'_>| {
        let link = Link::builder()
            .operation_id(other.id())
            .parameter(&field, value.clone());
        (other.id(), link.build())
    };
    about_it.map(link).collect()
}

fn success(it: &Resolved<'_>) -> ResponseBuilder {
    let response = ResponseBuilder::new();
    let json = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    match (&it.about.answer, &it.operation.sketch.listed) {
        (Answered::Json(schema), _) => {
            let mut schema = schema.as_ref().clone();
            if it.about.enveloped {
                schema = enveloped::success(schema);
            }
            let response = response
                .description("As it is now.")
                .content("application/json", json(schema));
            if it.about.etag {
                response.header("ETag", header("Its version, for `If-Match`.", text()))
            } else {
                response
            }
        }
        (Answered::Id(kind), _) => {
            let field = format!("{kind}_id");
            let object = ObjectBuilder::new()
                .property(&field, id())
                .required(field.clone());
            response
                .description("Done.")
                .content("application/json", json(object.into()))
        }
        (Answered::Other(kind), _) => response
            .description("The file.")
            .content(*kind, ContentBuilder::new().build()),
        (Answered::Listed, Some(row)) => {
            let array = ArrayBuilder::new().items(row.clone());
            let next = "With `limit`: the next page, `rel=\"next\"`.";
            response
                .description("Those that match, oldest first unless `sort` says otherwise.")
                .content("application/json", json(array.into()))
                .header(
                    "X-Total-Count",
                    header("With `limit`: how many match.", number()),
                )
                .header("Link", header(next, text()))
        }
        (Answered::Listed, None) => response.description("Done."),
    }
}

fn header(description: &str, schema: ObjectBuilder) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer)
}

/// The schema of an id in an answer.
fn id() -> ObjectBuilder {
    number().minimum(Some(1))
}

fn scheme(scheme: HttpAuthScheme, description: &str) -> SecurityScheme {
    let http = HttpBuilder::new()
        .scheme(scheme)
        .description(Some(description));
    SecurityScheme::Http(http.build())
}
