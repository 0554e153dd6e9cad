//! Sort expressions of lists, and the cursors between their pages.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, Datelike as _, Utc};
use sqlx::{Postgres, QueryBuilder, Row as _, postgres::PgRow};

/// An expression that a list can be sorted by. It is never null, and an index on it and
/// `created_position` exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A text, in the form that is compared.
    Text(&'static str),
    /// A whole number of any width.
    Number(&'static str),
    /// True or false.
    Flag(&'static str),
    /// A time; never infinite.
    Time(&'static str),
}

impl By {
    /// The SQL expression.
    pub fn expression(self) -> &'static str {
        match self {
            Self::Text(it) | Self::Number(it) | Self::Flag(it) | Self::Time(it) => it,
        }
    }

    /// The additional column by which a page reads the value, with a leading comma.
    pub(super) fn column(self) -> String {
        let cast = match self {
            Self::Number(_) => "::bigint",
            _ => "",
        };
        format!(", ({}){cast} as sorted_by", self.expression())
    }
}

/// The sort order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The expression, from the view's list.
    pub(super) by: By,
    /// True if the largest value comes first.
    pub(super) descending: bool,
}

impl Sort {
    /// The order in which the smallest value comes first.
    pub(crate) const fn ascending(by: By) -> Self {
        Self {
            by,
            descending: false,
        }
    }
}

/// The place after which a list continues: the position of the last row and, if the list is
/// sorted, its sort value. It stays valid when that row is changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) position: i64,
    pub(super) mark: Option<SortValue>,
}

/// The sort value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SortValue {
    Text(String),
    Number(i64),
    Flag(bool),
    Time(DateTime<Utc>),
}

impl Cursor {
    /// The cursor after this row of a list that is sorted by `sort`.
    pub(super) fn behind(
        row: &PgRow,
        position: i64,
        sort: Option<Sort>,
    ) -> Result<Self, sqlx::Error> {
        let read = |by| {
            Ok::<_, sqlx::Error>(match by {
                By::Text(_) => SortValue::Text(row.try_get("sorted_by")?),
                By::Number(_) => SortValue::Number(row.try_get("sorted_by")?),
                By::Flag(_) => SortValue::Flag(row.try_get("sorted_by")?),
                By::Time(_) => SortValue::Time(row.try_get("sorted_by")?),
            })
        };
        let mark = sort.map(|sort| read(sort.by)).transpose()?;
        Ok(Self { position, mark })
    }

    /// Parses a client's cursor; none if it is no cursor of a list sorted by `sort`.
    pub(super) fn parse(text: &str, sort: Option<Sort>) -> Option<Self> {
        let (position, mark) = match text.split_once('.') {
            Some((position, mark)) => (position, Some(mark)),
            None => (text, None),
        };
        let mark = match (mark, sort) {
            (None, None) => None,
            (Some(mark), Some(sort)) => Some(SortValue::parse(mark, sort.by)?),
            _ => return None,
        };
        let position = position.trim().parse().ok()?;
        Some(Self { position, mark })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.position)?;
        match &self.mark {
            None => Ok(()),
            Some(SortValue::Text(text)) => write!(f, ".{}", BASE64.encode(text)),
            Some(SortValue::Number(number)) => write!(f, ".{number}"),
            Some(SortValue::Flag(flag)) => write!(f, ".{}", u8::from(*flag)),
            Some(SortValue::Time(time)) => write!(f, ".{}", time.timestamp_micros()),
        }
    }
}

impl SortValue {
    fn parse(text: &str, by: By) -> Option<Self> {
        Some(match by {
            By::Text(_) => {
                let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
                // Postgres stores no text with a NUL.
                Self::Text(Some(text).filter(|text| !text.contains('\0'))?)
            }
            By::Number(_) => Self::Number(text.parse().ok()?),
            By::Flag(_) => Self::Flag(match text {
                "1" => true,
                "0" => false,
                _ => return None,
            }),
            By::Time(_) => {
                let time = DateTime::from_timestamp_micros(text.parse().ok()?)?;
                // A time that Postgres cannot store was in no cursor that was given out.
                Self::Time(Some(time).filter(|at| (-4_000..=9_999).contains(&at.year()))?)
            }
        })
    }

    pub(super) fn bind(&self, sql: &mut QueryBuilder<'static, Postgres>) {
        match self {
            Self::Text(text) => sql.push_bind(text.clone()),
            Self::Number(number) => sql.push_bind(*number),
            Self::Flag(flag) => sql.push_bind(*flag),
            Self::Time(time) => sql.push_bind(*time),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(by: By) -> Option<Sort> {
        Some(Sort {
            by,
            descending: false,
        })
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let time = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        for (mark, sort) in [
            (None, None),
            (
                Some(SortValue::Text("Ümit. \u{fffd}%".into())),
                sorted(By::Text("x")),
            ),
            (Some(SortValue::Number(-7)), sorted(By::Number("x"))),
            (Some(SortValue::Flag(true)), sorted(By::Flag("x"))),
            (Some(SortValue::Time(time)), sorted(By::Time("x"))),
        ] {
            let cursor = Cursor { position: 9, mark };
            assert_eq!(Cursor::parse(&cursor.to_string(), sort), Some(cursor));
        }
    }

    #[test]
    fn an_unreadable_cursor_is_refused() {
        let nul = format!("1.{}", BASE64.encode("a\0"));
        for (text, sort) in [
            ("", None),
            ("x", None),
            ("1.2", None),
            ("1", sorted(By::Number("x"))),
            ("1.x", sorted(By::Number("x"))),
            ("1.2", sorted(By::Flag("x"))),
            ("1.!", sorted(By::Text("x"))),
            (&nul, sorted(By::Text("x"))),
            ("1.9223372036854775807", sorted(By::Time("x"))),
            ("9223372036854775808", None),
        ] {
            assert_eq!(Cursor::parse(text, sort), None, "{text}");
        }
    }
}
