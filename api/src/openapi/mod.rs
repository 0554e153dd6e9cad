//! The API's description of itself: OpenAPI 3.1, made from the routes as they are.
//!
//! [`Routes`] is what every area's `routes()` returns: each line gives a method, a path,
//! the handler, and what the code does not say by itself ([`op`]): a summary, and what is
//! answered. The rest is read off the handler's parameters, which [`Describe`] themselves:
//! a `Writer` its permission, a `Path` its parameters, a `Listing` its filters, an `Input`
//! its fields. A route cannot be served without being described.
//!
//! To add a route: a line in its resource's `routes`; for another spelling of one that is
//! there, [`alias`], or [`Routes::spelt_also`] for
//! all of a resource. To add an extractor: an `impl Describe` beside it. To add a row type:
//! `#[derive(ToSchema)]`, and an example in `examples` for field names that are new.

mod about;
mod assemble;
mod examples;
mod page;
mod routes;
mod sketch;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::LazyLock};

use axum::http::Method;

pub(crate) use about::{About, Shape, alias, component, op};
pub(crate) use page::routes as page_routes;
pub(crate) use routes::Routes;
pub(crate) use sketch::{Describe, Field, Sketch};

/// The permissions that each route needs, by its method and path.
static NEEDED: LazyLock<HashMap<(&'static str, String), Vec<String>>> = LazyLock::new(|| {
    let routes = crate::routes();
    let needed = routes.operations().iter().map(|it| {
        let route = (it.method, it.path.clone());
        (route, it.sketch.permissions.clone())
    });
    needed.collect()
});

/// The permissions that a route needs; the path is as the router has it.
pub(crate) fn permissions(method: &Method, path: &str) -> &'static [String] {
    let method = match *method {
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "GET",
    };
    let needed = NEEDED.get(&(method, path.to_owned()));
    needed.map(Vec::as_slice).unwrap_or_default()
}

/// The description of every route there is, as `GET /openapi.json` answers it.
pub fn openapi() -> serde_json::Value {
    assemble::document(crate::routes().operations())
}
