//! How values look on the wire where it is not how they look in SQL.

use serde::{Serialize, Serializer, ser::Error as _};

/// A flag is 1 or 0, never true or false.
pub(crate) fn flag<S: Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(u8::from(*flag))
}

/// What was not said is empty, as clients of the original know it.
pub(crate) fn said<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_deref().unwrap_or_default())
}

/// An object within a text, as the documents have a provider's settings.
pub(crate) fn text<T: Serialize, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = serde_json::to_string(value).map_err(S::Error::custom)?;
    serializer.serialize_str(&text)
}
