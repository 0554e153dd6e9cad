//! Rows of an imported file of users.

use domain::Patch;
use serde_json::{Map, Value};

use super::user_fields::NewUser;
use crate::{
    Error, Result,
    csv::{Columns, Layout, folded, unguarded},
    extract::{Fields, FromFields},
};

/// The columns of a file without a header.
const COLUMNS: [&str; 12] = [
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

/// The column of the password.
const PASSWORD: usize = 1;

/// The columns of a file of users.
pub(super) struct UserLayout(Columns);

impl Default for UserLayout {
    fn default() -> Self {
        Self(Columns::in_order(COLUMNS.len()))
    }
}

impl Layout for UserLayout {
    /// The username, and the fields of the user.
    type Value = (String, NewUser);

    /// A header has the word `username` among its values. A column without a name is not read; one
    /// of an unknown name is refused, since its values would be left out silently.
    fn in_header(row: &[String]) -> Result<Option<Self>> {
        let names: Vec<String> = row.iter().map(|name| folded(name)).collect();
        if !names.iter().any(|name| name == COLUMNS[0]) {
            return Ok(None);
        }
        let places: Result<_> = names.iter().map(|name| column(name)).collect();
        Ok(Some(Self(Columns::at(places?))))
    }

    fn read(&self, row: &[String]) -> Result<Self::Value, String> {
        read(&self.0, row).map_err(|error| error.detail())
    }
}

/// The column of this name; `None` for an empty name, an error for an unknown one.
fn column(name: &str) -> Result<Option<usize>> {
    let name = if name == "password" {
        COLUMNS[PASSWORD]
    } else {
        name
    };
    let known = COLUMNS.iter().position(|column| *column == name);
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
fn read(columns: &Columns, row: &[String]) -> Result<(String, NewUser)> {
    let cells = columns.cells(row);
    let cells = cells.map_err(|reason| Error::invalid("row", reason))?;
    let mut map = Map::new();
    for (column, value) in cells.filter(|(_, value)| !value.trim().is_empty()) {
        // A password is taken as it stands: no export has put a guard in front of it.
        let plain = if column == PASSWORD {
            value
        } else {
            unguarded(value)
        };
        let name = COLUMNS[column];
        if map.insert(name.to_owned(), Value::from(plain)).is_some() {
            return Err(Error::invalid(name, "stands twice"));
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
        let header = owned(&["First Name", "", "Username", "Password"]);
        let layout = UserLayout::in_header(&header).unwrap().unwrap();
        let (name, row) = layout.read(&owned(&["Ada", "x", "ada", "'x"])).unwrap();
        assert_eq!(name, "ada");
        assert!(row.said.password.given().is_some());
        let no_header = UserLayout::in_header(&owned(&["ada", "secret"]));
        assert!(no_header.unwrap().is_none());
    }

    #[test]
    fn a_header_with_an_unknown_column_is_refused_by_its_name() {
        let header = UserLayout::in_header(&owned(&["username", "enabled"]));
        let error = header.map(drop).unwrap_err();
        let said = error.detail();
        assert!(
            said.starts_with("header: there is no column enabled"),
            "{said}"
        );
    }

    #[test]
    fn what_is_wrong_with_a_row_names_the_field() {
        let layout = UserLayout::default();
        let (name, row) = layout.read(&owned(&["ada", "'x", "Ada"])).unwrap();
        assert_eq!(name, "ada");
        assert!(row.said.password.given().is_some());
        assert!(matches!(row.said.patch.last_name, Patch::Keep));
        for (row, field) in [
            (vec!["", "x"], "username"),
            (vec!["a", "x", "", "", "phone"], "phone"),
            (vec!["a", "x", "", "", "", "", "", "", "1"], "country_id"),
            (vec!["a"; 13], "row"),
        ] {
            let wrong = layout.read(&owned(&row)).map(drop).unwrap_err();
            assert!(wrong.starts_with(field), "{wrong}");
        }
    }
}
