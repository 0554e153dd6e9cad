//! Rows of an imported file of users.

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

/// The columns that a first row names, if it is a header: a cell of it is `username`. A column
/// without a name is not read.
///
/// # Errors
/// When it names an unknown column, whose values would be left out silently.
pub(super) fn header(row: &[String]) -> Result<Option<Vec<Option<&'static str>>>> {
    let folded = |name: &String| {
        unguarded(name)
            .trim()
            .to_lowercase()
            .replace([' ', '-'], "_")
    };
    let names: Vec<String> = row.iter().map(folded).collect();
    if !names.iter().any(|name| name == COLUMNS[0]) {
        return Ok(None);
    }
    names.iter().map(column).collect::<Result<_>>().map(Some)
}

/// The column of this name; `None` for an empty name, an error for an unknown one.
fn column(name: &String) -> Result<Option<&'static str>> {
    let name = if name == "password" { "passwd" } else { name };
    let known = COLUMNS.into_iter().find(|column| *column == name);
    if known.is_none() && !name.is_empty() {
        let name: String = name.chars().take(50).collect();
        let reason = format!(
            "there is no column {name}; those there are: {}",
            COLUMNS.join(", ")
        );
        return Err(Error::invalid("header", reason));
    }
    Ok(known)
}

/// The username and the fields of a row, under the rules of a body's fields. An empty value is left
/// out.
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
            // A password is taken as it stands: no export has put a guard in front of it.
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
        let columns = header(&owned(&["First Name", "", "Username", "Password"]));
        assert_eq!(
            columns.unwrap(),
            Some(vec![
                Some("first_name"),
                None,
                Some("username"),
                Some("passwd")
            ])
        );
        assert_eq!(header(&owned(&["ada", "secret"])).unwrap(), None);
    }

    #[test]
    fn a_header_with_an_unknown_column_is_refused_by_its_name() {
        let error = header(&owned(&["username", "enabled"])).unwrap_err();
        let said = error.detail();
        assert!(
            said.starts_with("header: there is no column enabled"),
            "{said}"
        );
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
