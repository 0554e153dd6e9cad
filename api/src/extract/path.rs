//! Ids and names in paths. A text that cannot be an id is answered as an unknown id is.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use domain::Id;
use utoipa::openapi::{
    ObjectBuilder, RefOr,
    schema::{Schema, Type},
};

use crate::{
    App, Error, Result,
    openapi::{Describe, Sketch},
};

/// The parameters of a path, in the order in which they stand.
#[derive(Debug)]
pub(crate) struct Path<P>(pub P);

/// One parameter of a path.
pub(crate) trait Segment: Sized {
    /// Reads the parameter; `None` if nothing can have this id or name.
    fn read(text: &str) -> Option<Self>;

    /// The schema of the parameter.
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).into()
    }
}

impl<A> Segment for Id<A> {
    fn read(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let id = text.parse().ok().filter(|id| digits && *id > 0)?;
        Some(Self::new(id))
    }

    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        number.minimum(Some(1)).maximum(Some(i64::MAX)).into()
    }
}

impl Segment for String {
    fn read(text: &str) -> Option<Self> {
        // Postgres text has no NUL, so nothing can have this name.
        (!text.contains('\0')).then(|| text.to_owned())
    }
}

/// The parameters of a path: one or two.
pub(crate) trait Params: Sized {
    fn read<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Self>;

    fn schemas() -> Vec<RefOr<Schema>>;
}

impl<S: Segment> Params for S {
    fn read<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        S::read(texts.next()?)
    }

    fn schemas() -> Vec<RefOr<Schema>> {
        vec![S::schema()]
    }
}

impl<S: Segment, T: Segment> Params for (S, T) {
    fn read<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        Some((S::read(texts.next()?)?, T::read(texts.next()?)?))
    }

    fn schemas() -> Vec<RefOr<Schema>> {
        vec![S::schema(), T::schema()]
    }
}

impl<P: Params> FromRequestParts<App> for Path<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let params = RawPathParams::from_request_parts(parts, app).await;
        let params = params.map_err(|_| Error::NotFound)?;
        let read = P::read(params.iter().map(|(_, text)| text));
        read.map(Self).ok_or(Error::NotFound)
    }
}

impl<P: Params> Describe for Path<P> {
    fn describe(sketch: &mut Sketch) {
        sketch.segments = P::schemas();
        sketch.refuses(&[404]);
    }
}

#[cfg(test)]
mod tests {
    use domain::people::Contact;

    use super::*;

    #[test]
    fn an_absurd_id_is_no_id() {
        for text in [
            "0",
            "-1",
            "+1",
            "1.0",
            "abc",
            "",
            "9223372036854775808",
            "1 ",
            "٣",
        ] {
            assert_eq!(<Id<Contact> as Segment>::read(text), None, "{text:?}");
        }
        assert_eq!(<String as Segment>::read("a\0b"), None);
        let largest = <Id<Contact> as Segment>::read("9223372036854775807");
        assert_eq!(largest, Some(Id::new(i64::MAX)));
    }
}
