//! The columns of an imported file.

use super::unguarded;

/// The place of each column of a file among the columns that an import knows; none for a column
/// that it leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns(Vec<Option<usize>>);

impl Columns {
    /// The columns of a file without a header: the first `count` that the import knows, in their
    /// order.
    pub fn in_order(count: usize) -> Self {
        Self((0..count).map(Some).collect())
    }

    /// Columns at these places.
    pub fn at(places: Vec<Option<usize>>) -> Self {
        Self(places)
    }

    /// The columns that a header names, in the form of [`folded`]; other names are left out.
    ///
    /// # Errors
    /// If it has one of the known names twice.
    pub fn named(names: &[String], known: &[&str]) -> Result<Self, String> {
        let column = |name: &String| known.iter().position(|column| column == name);
        let columns: Vec<_> = names.iter().map(column).collect();
        let twice = columns
            .iter()
            .enumerate()
            .find(|(at, column)| column.is_some() && columns[..*at].contains(column));
        match twice {
            Some((at, _)) => Err(format!("the header has {} twice", names[at])),
            None => Ok(Self(columns)),
        }
    }

    /// The cells of a row, each with the place of its column.
    ///
    /// # Errors
    /// If there are values in further columns.
    pub fn cells<'r>(
        &self,
        row: &'r [String],
    ) -> Result<impl Iterator<Item = (usize, &'r str)>, String> {
        let more = row.get(self.0.len()..).unwrap_or_default();
        if more.iter().any(|value| !value.trim().is_empty()) {
            let (has, most) = (row.len(), self.0.len());
            return Err(format!("has {has} columns, at most {most} are expected"));
        }
        let cells = row.iter().zip(&self.0);
        Ok(cells.filter_map(|(value, column)| Some(((*column)?, value.as_str()))))
    }
}

/// A column's name in the form in which names are compared: `First Name` is `first_name`.
pub(crate) fn folded(name: &str) -> String {
    unguarded(name)
        .trim()
        .to_lowercase()
        .replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["phone", "first_name", "email"];

    fn owned(row: &[&str]) -> Vec<String> {
        row.iter().map(|&value| value.to_owned()).collect()
    }

    fn cells(columns: &Columns, row: &[&str]) -> Result<Vec<(usize, String)>, String> {
        let row = owned(row);
        let cells = columns.cells(&row)?;
        Ok(cells.map(|(at, value)| (at, value.to_owned())).collect())
    }

    #[test]
    fn a_header_orders_the_columns_and_others_are_left_out() {
        let names: Vec<_> = ["First Name", "colour", "'-Phone"].map(folded).to_vec();
        let columns = Columns::named(&names, &KNOWN).unwrap();
        assert_eq!(
            cells(&columns, &["Ada", "red"]),
            Ok(vec![(1, "Ada".to_owned())])
        );
        assert_eq!(names, ["first_name", "colour", "_phone"]);
    }

    #[test]
    fn a_header_names_a_column_once() {
        let twice = Columns::named(&owned(&["phone", "x", "x", "phone"]), &KNOWN);
        assert_eq!(twice, Err("the header has phone twice".to_owned()));
    }

    #[test]
    fn a_row_may_be_shorter_but_not_longer_than_the_columns() {
        let columns = Columns::in_order(2);
        assert_eq!(cells(&columns, &["1"]), Ok(vec![(0, "1".to_owned())]));
        assert!(cells(&columns, &["1", "", " ", ""]).is_ok());
        assert_eq!(
            cells(&columns, &["1", "", "x"]),
            Err("has 3 columns, at most 2 are expected".to_owned())
        );
    }
}
