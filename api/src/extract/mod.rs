//! Extractors of requests, lenient where the documents waver and strict everywhere else. Every
//! error is answered with the field's name.

mod body;
mod content_type;
mod fields;
mod form;
mod lists;
mod path;
mod query;
mod schemas;
mod strict;

pub(crate) use body::{FromFields, Input};
pub(crate) use content_type::{content_types, declared_type, refuse_unread, unlisted_type};
pub(crate) use fields::{Fields, Given};
pub(crate) use form::{FORM, Form};
pub(crate) use path::{Path, Segment};
pub(crate) use query::{Listing, flag, query_pairs};
