//! Rows of users in a file.

use domain::Patch;
use serde_json::{Map, Value};

use super::user_fields::NewUser;
use crate::{
    Error, Result,
    csv::unguarded,
    extract::{Fields, FromFields},
};

/// The columns of a file without a header.
pub(super) const COLUMNS: [&str; 12] = [
    "username",
    "passwd",
    "first_name",
    "last_name",
    "phone",
    "email",
    "address",
    "company",
    "country_id",
    "timezone",
    "active",
    "role",
];

/// The columns that a first row names, if it is a header.
pub(super) fn header(row: &[String]) -> Option<Vec<Option<&'static str>>> {
    let folded = |name: &String| {
        unguarded(name)
            .trim()
            .to_lowercase()
            .replace([' ', '-'], "_")
    };
    let names: Vec<String> = row.iter().map(folded).collect();
    let column = |name: &String| {
        let name = if name == "password" { "passwd" } else { name };
        COLUMNS.into_iter().find(|column| *column == name)
    };
    names
        .iter()
        .any(|name| name == COLUMNS[0])
        .then(|| names.iter().map(column).collect())
}

/// The username and the fields of a row, under the rules of a body's fields. An empty value says
/// nothing.
pub(super) fn read(columns: &[Option<&'static str>], row: &[String]) -> Result<(String, NewUser)> {
    let beyond = row.get(columns.len()..).unwrap_or_default();
    if beyond.iter().any(|value| !value.trim().is_empty()) {
        let said = format!(
            "has {} columns, at most {} are expected",
            row.len(),
            columns.len()
        );
        return Err(Error::invalid("row", said));
    }
    let mut map = Map::new();
    for (value, column) in row.iter().zip(columns) {
        if let Some(column) = column
            && !value.trim().is_empty()
        {
            // A password is taken as it stands; no export has put anything in front of it.
            let plain = if *column == "passwd" {
                value
            } else {
                unguarded(value)
            };
            if map
                .insert((*column).to_owned(), Value::from(plain))
                .is_some()
            {
                return Err(Error::invalid(*column, "stands twice"));
            }
        }
    }
    let mut fields = Fields::new(map);
    let row = NewUser::from_fields(&mut fields);
    let row = fields.finish(row)?;
    match &row.said.patch.username {
        Patch::Set(name) => Ok((name.to_string(), row)),
        Patch::Keep | Patch::Clear => Err(Error::invalid("username", "is required")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(row: &[&str]) -> Vec<String> {
        row.iter().map(|&value| value.to_owned()).collect()
    }

    #[test]
    fn a_header_is_known_by_the_username() {
        let columns = header(&owned(&["E-mail", "User Name", "Username", "Password"]));
        assert_eq!(
            columns,
            Some(vec![None, None, Some("username"), Some("passwd")])
        );
        assert_eq!(header(&owned(&["ada", "secret"])), None);
    }

    #[test]
    fn what_is_wrong_with_a_row_names_the_field() {
        let columns = COLUMNS.map(Some);
        let (name, row) = read(&columns, &owned(&["ada", "'x", "Ada"])).unwrap();
        assert_eq!(name, "ada");
        assert!(row.said.password.given().is_some());
        assert!(matches!(row.said.patch.last_name, Patch::Keep));
        for (row, field) in [
            (vec!["", "x"], "username"),
            (vec!["a", "x", "", "", "phone"], "phone"),
            (vec!["a", "x", "", "", "", "", "", "", "1"], "country_id"),
            (vec!["a"; 13], "row"),
        ] {
            let error = read(&columns, &owned(&row)).err().unwrap();
            assert!(error.detail().starts_with(field), "{}", error.detail());
        }
    }
}
