//! The tenant that a request names for what it creates.

use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use domain::{Id, access::Tenant};

use crate::{Error, Result, extract::query_pairs};

/// The parameter, and the field of a body.
pub(crate) const TENANT_ID: &str = "tenant_id";

/// The `tenant_id` in the query string or in the body of a request. The body is read after the
/// permission was checked, and sets it then.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestedTenant {
    in_query: Option<String>,
    in_body: Arc<OnceLock<i64>>,
}

impl RequestedTenant {
    /// That of this request; whoever asks again for the same request shares it.
    pub fn of_request(parts: &mut Parts) -> Self {
        if let Some(asked) = parts.extensions.get::<Self>() {
            return asked.clone();
        }
        let pairs = query_pairs(parts).unwrap_or_default();
        let mut named = pairs.into_iter().filter(|(name, _)| name == TENANT_ID);
        let asked = Self {
            in_query: named.next().map(|(_, value)| value),
            in_body: Arc::default(),
        };
        parts.extensions.insert(asked.clone());
        asked
    }

    /// Sets what the body names.
    pub fn set(&self, tenant: i64) {
        // A body is read once.
        let _ = self.in_body.set(tenant);
    }

    /// The tenant; `None` if the request names none.
    pub fn tenant(&self) -> Result<Option<Id<Tenant>>> {
        let in_query = self
            .in_query
            .as_deref()
            .map(|text| text.trim().parse::<i64>());
        let in_query = in_query.transpose();
        let in_query = in_query.map_err(|_| Error::invalid(TENANT_ID, "must be a whole number"))?;
        match (in_query, self.in_body.get().copied()) {
            (Some(one), Some(other)) if one != other => Err(Error::invalid(
                TENANT_ID,
                "stands twice, with different values",
            )),
            (one, other) => Ok(one.or(other).map(Id::new)),
        }
    }
}
