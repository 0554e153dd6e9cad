//! The schemas of the fields of bodies.

use std::ops::RangeInclusive;

use serde_json::json;
use utoipa::openapi::{
    ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat,
    schema::{SchemaType, Type},
};

fn of_types<const N: usize>(types: [Type; N]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter(types))
}

/// Any value.
pub(super) fn anything() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
}

/// Text; null or blank clears it.
pub(super) fn text() -> ObjectBuilder {
    of_types([Type::String, Type::Null])
}

/// A word out of `words`; null clears it.
pub(super) fn one_of(words: &[&str]) -> ObjectBuilder {
    let words = words.iter().map(|word| json!(word));
    text().enum_values(Some(words.chain([json!(null)])))
}

/// Text, or a whole number that is taken as text.
pub(super) fn text_or_number() -> ObjectBuilder {
    of_types([Type::String, Type::Integer, Type::Null])
}

/// A secret, which is never answered.
pub(super) fn secret() -> ObjectBuilder {
    text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .write_only(true)
}

/// A secret of at least eight characters; examples leave it to be chosen.
pub(super) fn new_password() -> ObjectBuilder {
    secret()
        .min_length(Some(8))
        .description(Some("To be chosen; null is refused."))
}

/// A whole number, or its digits as a string.
pub(super) fn number(range: &RangeInclusive<i64>) -> ObjectBuilder {
    of_types([Type::Integer, Type::String, Type::Null])
        .minimum(Some(*range.start()))
        .maximum(Some(*range.end()))
        .pattern(Some("^\\s*-?[0-9]{0,18}\\s*$"))
}

/// An id; none if it is null, blank or zero.
pub(super) fn id() -> ObjectBuilder {
    number(&(0..=i64::MAX))
}

/// A flag, in any of its spellings.
pub(super) fn flag() -> ObjectBuilder {
    of_types([Type::Boolean, Type::Integer, Type::String, Type::Null]).enum_values(Some([
        json!(true),
        json!(false),
        json!(1),
        json!(0),
        json!("1"),
        json!("0"),
        json!("true"),
        json!("false"),
        json!(null),
    ]))
}

/// A list of texts; null clears it.
pub(super) fn texts() -> ArrayBuilder {
    ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String))
}

/// An object in a list.
pub(super) fn entry() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// An object within the body.
pub(super) fn object() -> ObjectBuilder {
    of_types([Type::Object, Type::Null])
}
