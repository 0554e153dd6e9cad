//! The parts that all imports have: the header, the rows under it, and the answer.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use eventstore::Position;

use super::{Report, Row};
use crate::{App, Error, Result, answer::Answer, authorization::Done};

/// Time limit of waiting for the read models after each batch.
const READABLE_WITHIN: Duration = Duration::from_secs(10);

/// The layout of a file, which turns its rows into values. [`Default`] is that of a file without a
/// header.
pub(crate) trait Layout: Default {
    /// A value.
    type Value;

    /// The layout that a first row names; `None` if it is not a header.
    ///
    /// # Errors
    /// If it is a header that cannot be followed: the whole import is refused.
    fn in_header(row: &[String]) -> Result<Option<Self>>;

    /// The value of a row, or the reason why the row is rejected.
    fn read(&self, row: &[String]) -> Result<Self::Value, String>;
}

/// The rows of a file under its layout, known from the first row that can be read.
pub(crate) struct Table<L>(Option<L>);

/// A row under the header.
pub(crate) struct ParsedRow<V> {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The length of its values in bytes.
    pub bytes: usize,
    /// The value, or the reason why the row is rejected.
    pub value: Result<V, String>,
}

impl<L> Default for Table<L> {
    fn default() -> Self {
        Self(None)
    }
}

impl<L: Layout> Table<L> {
    /// Reads a row; `None` for the header.
    ///
    /// # Errors
    /// If the header cannot be followed.
    pub fn read(&mut self, row: Row) -> Result<Option<ParsedRow<L::Value>>> {
        let Row { line, fields } = row;
        let fields = match fields {
            Ok(fields) => fields,
            Err(reason) => {
                let value = Err(reason);
                return Ok(Some(ParsedRow {
                    line,
                    bytes: 0,
                    value,
                }));
            }
        };
        let layout = match &mut self.0 {
            Some(layout) => layout,
            none => {
                let header = L::in_header(&fields)?;
                let is_header = header.is_some();
                let layout = none.insert(header.unwrap_or_default());
                if is_header {
                    return Ok(None);
                }
                layout
            }
        };
        Ok(Some(ParsedRow {
            line,
            bytes: fields.iter().map(String::len).sum(),
            value: layout.read(&fields),
        }))
    }
}

/// Waits until the read models have taken in the batch that ends at this position: events that are
/// not read yet are kept in memory for the subscribers of the log.
pub(crate) async fn readable(app: &App, kind: &str, batch: Option<Position>) {
    if let Some(position) = batch {
        let read = app
            .high_water_marks()
            .wait_for(kind, position, READABLE_WITHIN);
        if !read.await {
            tracing::warn!("the read models are late; an import goes on without them");
        }
    }
}

/// The answer to an import of aggregates of this type, up to this position: the report, or the
/// error that cut it short, with the report of the rows until then.
pub(crate) async fn answer(
    app: &App,
    kind: &str,
    last: Option<Position>,
    report: Report,
    done: Result<()>,
) -> Result<Response> {
    let late = app.settle(kind, last).await;
    let report = report.sorted();
    if let Err(error) = done {
        return Ok(error.telling(&report));
    }
    Ok(Answer::from_value(&report)?
        .late(Done { late })
        .into_response())
}

/// The refusal of a header, as of a body's field.
pub(crate) fn refused_header(reason: String) -> Error {
    Error::invalid("body", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number, in a column that a header may name; the header `no` cannot be followed.
    #[derive(Default)]
    struct Numbers(usize);

    impl Layout for Numbers {
        type Value = u32;

        fn in_header(row: &[String]) -> Result<Option<Self>> {
            if row.iter().any(|name| name == "no") {
                return Err(refused_header("no".to_owned()));
            }
            Ok(row.iter().position(|name| name == "number").map(Self))
        }

        fn read(&self, row: &[String]) -> Result<u32, String> {
            let number = row.get(self.0).ok_or("is short")?;
            number.parse().map_err(|_| "is no number".to_owned())
        }
    }

    fn row(fields: Result<&str, &str>) -> Row {
        let fields = fields.map(|row| row.split(',').map(str::to_owned).collect());
        Row {
            line: 1,
            fields: fields.map_err(str::to_owned),
        }
    }

    fn read(rows: &[Result<&str, &str>]) -> Vec<Option<Result<u32, String>>> {
        let mut table = Table::<Numbers>::default();
        rows.iter()
            .map(|fields| table.read(row(*fields)).unwrap())
            .map(|row| row.map(|row| row.value))
            .collect()
    }

    #[test]
    fn a_header_is_the_first_row_that_can_be_read_and_no_other() {
        let no_number = || Some(Err("is no number".to_owned()));
        assert_eq!(
            read(&[Err("is long"), Ok("x,number"), Ok("a,2"), Ok("x,number")]),
            [
                Some(Err("is long".to_owned())),
                None,
                Some(Ok(2)),
                no_number()
            ]
        );
        assert_eq!(
            read(&[Ok("1,a"), Ok("number,2")]),
            [Some(Ok(1)), no_number()]
        );
    }

    #[test]
    fn a_header_that_cannot_be_followed_refuses_the_import() {
        assert!(Table::<Numbers>::default().read(row(Ok("no"))).is_err());
    }

    #[test]
    fn a_row_has_the_length_of_its_values() {
        let parsed = Table::<Numbers>::default().read(row(Ok("12,abc")));
        assert_eq!(parsed.unwrap().unwrap().bytes, 5);
    }
}
