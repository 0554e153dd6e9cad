//! Query strings.

use axum::{extract::FromRequestParts, http::request::Parts};
use projections::View;
use utoipa::{
    IntoParams,
    openapi::{ObjectBuilder, path::ParameterIn, schema::Type},
};

use crate::{
    App, Error, Result,
    authorization::TENANT_ID,
    openapi::{Describe, Sketch, component},
};

/// The request for a list, as the query string makes it.
pub(crate) struct Listing<V: View> {
    /// The query for the read side.
    pub query: projections::Query<V>,
    /// The pairs of the query string, for the link to the next page.
    pub pairs: Vec<(String, String)>,
    /// The path of the request, for the same link.
    pub path: String,
}

impl<V: View> FromRequestParts<App> for Listing<V> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        let pairs = query_pairs(parts)?;
        let query = projections::Query::parse(pairs.clone());
        Ok(Self {
            query: query.map_err(|bad| Error::invalid(bad.field, bad.message))?,
            pairs,
            path: parts.uri.path().to_owned(),
        })
    }
}

impl<V: View> Describe for Listing<V> {
    fn describe(sketch: &mut Sketch) {
        let in_query = || Some(ParameterIn::Query);
        let mut own = V::Filter::into_params(in_query);
        own.extend(PageParams::into_params(in_query));
        if V::OWNER.is_none() {
            own.retain(|parameter| parameter.name != "created_by");
        }
        let fields = V::SORTS
            .iter()
            .flat_map(|(field, _)| [(*field).to_owned(), format!("-{field}")]);
        let sort = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(fields));
        sketch.parameters.extend(own);
        if V::TENANT.is_some() {
            let id = ObjectBuilder::new().schema_type(Type::Integer);
            sketch.query(TENANT_ID, "Rows of this tenant.", id.minimum(Some(1)));
        }
        let said = "The field to sort by; `-` in front reverses the order.";
        sketch.query("sort", said, sort);
        sketch.listed = Some(component::<V>(&mut sketch.components));
        sketch.refuses(&[412]);
    }
}

/// The query parameters of every list beside its filters.
#[derive(IntoParams)]
#[allow(
    dead_code,
    reason = "described, not read: `projections::Query` does that"
)]
struct PageParams {
    /// The number of rows of a page; without it, the whole list is answered.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// The beginning of a page, as the `Link` of the page before gives it.
    cursor: Option<String>,
    /// Rows created before this time, unix seconds.
    before: Option<i64>,
    /// Rows created after this time, unix seconds.
    after: Option<i64>,
    /// Rows that belong to this user.
    #[param(minimum = 1)]
    created_by: Option<i64>,
}

/// The pairs of the query string, decoded.
pub(crate) fn query_pairs(parts: &Parts) -> Result<Vec<(String, String)>> {
    let text = parts.uri.query().unwrap_or_default();
    let mut pairs = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        // Decoding puts U+FFFD in the place of bytes that are not UTF-8; Postgres text has no NUL.
        if value.contains(['\u{fffd}', '\0']) {
            return Err(Error::invalid(name.into_owned(), "is not text"));
        }
        pairs.push((name.into_owned(), value.into_owned()));
    }
    Ok(pairs)
}

/// A flag in the query string of a route that is not a list; false if it is missing.
pub(crate) fn flag(pairs: &[(String, String)], name: &'static str) -> Result<bool> {
    match pairs.iter().find(|(given, _)| given == name) {
        None => Ok(false),
        Some((_, value)) => match value.as_str() {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(Error::invalid(name, "must be true, false, 1 or 0")),
        },
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn pairs(uri: &str) -> Result<Vec<(String, String)>> {
        let request = Request::builder().uri(uri).body(()).unwrap();
        query_pairs(&request.into_parts().0)
    }

    #[test]
    fn a_query_is_decoded() {
        let pairs = pairs("/contacts?first_name=A+d%61&phone=%2B1").unwrap();
        let [(name, value), (_, phone)] = pairs.as_slice() else {
            panic!("two")
        };
        assert_eq!(
            (name.as_str(), value.as_str(), phone.as_str()),
            ("first_name", "A da", "+1")
        );
    }

    #[test]
    fn a_value_that_is_no_text_is_named() {
        for uri in ["/contacts?phone=%FF", "/contacts?phone=%00"] {
            assert_eq!(pairs(uri), Err(Error::invalid("phone", "is not text")));
        }
    }

    #[test]
    fn a_flag_may_stand_alone() {
        let given = pairs("/contacts/1?erase").unwrap();
        assert_eq!(flag(&given, "erase"), Ok(true));
        assert_eq!(flag(&given, "other"), Ok(false));
        assert!(flag(&pairs("/contacts/1?erase=maybe").unwrap(), "erase").is_err());
    }
}
