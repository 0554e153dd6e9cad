//! How values look on the wire where it is not how they look in SQL.

use serde::Serializer;

/// A flag is 1 or 0, never true or false.
pub(crate) fn flag<S: Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(u8::from(*flag))
}
