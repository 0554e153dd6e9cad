//! Serialization of values whose form in JSON differs from that in SQL.

use domain::FIRST_TENANT;
use serde::{Serialize, Serializer, ser::Error as _};

/// True for the first tenant, which rows do not show: an installation of one company has no other.
pub(crate) fn is_first_tenant(tenant_id: &i64) -> bool {
    *tenant_id == FIRST_TENANT.get()
}

/// Serializes a flag as 1 or 0, never as true or false.
pub(crate) fn flag<S: Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(u8::from(*flag))
}

/// Serializes a missing text as an empty one, as clients of the original system expect.
pub(crate) fn said<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_deref().unwrap_or_default())
}

/// Serializes a value as JSON text within a string, as the API defines a provider's settings.
pub(crate) fn text<T: Serialize, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = serde_json::to_string(value).map_err(S::Error::custom)?;
    serializer.serialize_str(&text)
}
