//! The description of the API: OpenAPI 3.1, made from the routes as they are.
//!
//! [`Routes`] is what every area's `routes()` returns: each line gives a method, a path, the
//! handler, and the parts that the code does not give ([`op`]): a summary, and the answer. The rest
//! is read off the handler's parameters, which [`Describe`] themselves: a `Writer` its permission,
//! a `Path` its parameters, a `Listing` its filters, an `Input` its fields. A route cannot be
//! served without being described.
//!
//! To add a route: a line in its resource's `routes`, or [`Routes::crud`] for the usual ones; for
//! other spellings of a route [`Routes::aliases`], for those of a whole resource
//! [`Routes::spelt_also`]. To add an extractor: an `impl Describe` beside it. To add a row type:
//! `#[derive(ToSchema)]`, and an example in `examples` for field names that are new.

mod about;
mod assemble;
mod crud;
mod enveloped;
mod examples;
mod page;
mod problems;
mod routes;
mod sketch;
mod tenants;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::LazyLock};

use axum::http::Method;

pub(crate) use about::{About, Shape, component, op};
pub(crate) use examples::PASSWORD as EXAMPLE_PASSWORD;
pub(crate) use page::{docs, routes as page_routes};
pub(crate) use routes::{JSON, Registered, Routes};
pub(crate) use sketch::{Describe, Field, Sketch};
pub(crate) use tenants::CREATED_WITHIN;

/// The registered properties of each route, by its path and then by its method.
static REGISTERED: LazyLock<HashMap<String, Vec<(&'static str, Registered)>>> =
    LazyLock::new(|| {
        let mut registered: HashMap<String, Vec<_>> = HashMap::new();
        for (method, path, route) in crate::routes().registered() {
            registered.entry(path).or_default().push((method, route));
        }
        registered
    });

/// The registered properties of the route that answers a request; `path` is the router's pattern.
/// HEAD is answered by the routes for GET.
pub(crate) fn registered(method: &Method, path: &str) -> Option<&'static Registered> {
    let method = match method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    let here = REGISTERED.get(path)?.iter();
    here.into_iter()
        .find_map(|(one, route)| (*one == method).then_some(route))
}

/// True if answers under this pattern of the router are in the envelope of the documented PBX API,
/// whatever the method.
pub(crate) fn is_enveloped(path: &str) -> bool {
    let routes = REGISTERED.get(path).into_iter().flatten();
    routes.into_iter().any(|(_, route)| route.enveloped)
}

/// True if a request can change something; its method decides if no route answers it.
pub(crate) fn changes(method: &Method, route: Option<&Registered>) -> bool {
    let by_method = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    route.map_or(by_method, |route| route.changes)
}

/// The description of all routes, as `GET /openapi.json` answers it in an installation of one
/// company.
pub fn openapi() -> serde_json::Value {
    assemble::document(crate::routes().operations(), tenants::hide)
}

/// The description of all routes where several companies share the installation, with what the
/// requests and rows have for tenants.
pub(crate) fn openapi_of_tenants() -> serde_json::Value {
    assemble::document(crate::routes().operations(), |_| ())
}
