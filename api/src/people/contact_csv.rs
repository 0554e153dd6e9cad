//! Contacts as rows of CSV.

use std::{fmt::Display, str::FromStr};

use domain::{
    Patch,
    people::{ContactPatch, ContactProfile},
    values::PhoneNumber,
};
use projections::people::contacts::ContactRow;

use crate::{
    Result,
    csv::{Columns, Layout, folded, refused_header, unguarded},
};

/// The columns, in the order of a file without a header.
pub(super) const COLUMNS: [&str; 9] = [
    "phone",
    "first_name",
    "last_name",
    "email",
    "address",
    "custom1",
    "custom2",
    "custom3",
    "description",
];

/// The rows of the sample file.
pub(super) const SAMPLE: [[&str; 9]; 2] = [
    [
        "+15550100",
        "Ada",
        "Lovelace",
        "ada@example.com",
        "12 St James's Square, London",
        "one",
        "two",
        "three",
        "Counts, and writes",
    ],
    [
        "15550101",
        "Grace",
        "Hopper",
        "grace@example.com",
        "",
        "",
        "",
        "",
        "",
    ],
];

/// A contact's values, in the order of the columns.
pub(super) fn fields(row: &ContactRow) -> [&str; 9] {
    [
        &row.phone,
        &row.first_name,
        &row.last_name,
        &row.email,
        &row.address,
        &row.custom1,
        &row.custom2,
        &row.custom3,
        &row.description,
    ]
    .map(|value| value.as_deref().unwrap_or_default())
}

/// The columns of a file of contacts.
pub(super) struct ContactLayout(Columns);

impl Default for ContactLayout {
    fn default() -> Self {
        Self(Columns::in_order(COLUMNS.len()))
    }
}

/// The refusal of a first line that is neither a known header nor a contact.
const NO_PHONE: &str = "the first line has neither a column phone nor a telephone number";

/// True for a value with letters, and without what addresses have, as names of columns are.
fn is_a_word(value: &str) -> bool {
    value.chars().any(char::is_alphabetic)
        && !value.contains(|c: char| c.is_ascii_digit() || c == '@')
}

impl Layout for ContactLayout {
    type Value = ContactProfile;

    /// A header has the word `phone` among its values, and no telephone number as its first one;
    /// the row of a person named Phone has. Columns of other names are left out. A first line of
    /// words only is refused: what stands under them would be read in the wrong order.
    fn in_header(row: &[String]) -> Result<Option<Self>> {
        let first = row.first().map(|value| unguarded(value));
        if first.is_some_and(|value| value.parse::<PhoneNumber>().is_ok()) {
            return Ok(None);
        }
        let names: Vec<String> = row.iter().map(|name| folded(name)).collect();
        if !names.iter().any(|name| name == COLUMNS[0]) {
            if row.len() > 1 && row.iter().all(|value| is_a_word(value)) {
                return Err(refused_header(NO_PHONE.to_owned()));
            }
            return Ok(None);
        }
        let columns = Columns::named(&names, &COLUMNS).map_err(refused_header)?;
        Ok(Some(Self(columns)))
    }

    /// The contact in a row; an empty value is left out. All errors are reported at once.
    fn read(&self, row: &[String]) -> Result<ContactProfile, String> {
        let mut values = [None; COLUMNS.len()];
        for (column, value) in self.0.cells(row)? {
            values[column] = Some(unguarded(value)).filter(|value| !value.trim().is_empty());
        }
        let mut wrong = Vec::new();
        let contact = ContactProfile {
            phone: value(&values, 0, &mut wrong),
            first_name: value(&values, 1, &mut wrong),
            last_name: value(&values, 2, &mut wrong),
            email: value(&values, 3, &mut wrong),
            address: value(&values, 4, &mut wrong),
            custom1: value(&values, 5, &mut wrong),
            custom2: value(&values, 6, &mut wrong),
            custom3: value(&values, 7, &mut wrong),
            description: value(&values, 8, &mut wrong),
            timezone: None,
        };
        if values[0].is_none() {
            wrong.insert(0, "phone: is required".to_owned());
        }
        if wrong.is_empty() {
            Ok(contact)
        } else {
            Err(wrong.join("; "))
        }
    }
}

fn value<T: FromStr<Err: Display>>(
    values: &[Option<&str>; COLUMNS.len()],
    column: usize,
    wrong: &mut Vec<String>,
) -> Option<T> {
    let value: Result<T, T::Err> = values[column]?.parse();
    value
        .map_err(|error| wrong.push(format!("{}: {error}", COLUMNS[column])))
        .ok()
}

/// Merges two rows about one contact: where both have a value, the later one holds.
pub(super) fn merge(earlier: ContactProfile, later: ContactProfile) -> ContactProfile {
    ContactProfile {
        phone: later.phone.or(earlier.phone),
        first_name: later.first_name.or(earlier.first_name),
        last_name: later.last_name.or(earlier.last_name),
        email: later.email.or(earlier.email),
        address: later.address.or(earlier.address),
        custom1: later.custom1.or(earlier.custom1),
        custom2: later.custom2.or(earlier.custom2),
        custom3: later.custom3.or(earlier.custom3),
        description: later.description.or(earlier.description),
        timezone: later.timezone.or(earlier.timezone),
    }
}

/// The patch of an existing contact by a row: values that the row lacks are kept.
pub(super) fn change(row: ContactProfile) -> ContactPatch {
    ContactPatch {
        phone: patch(row.phone),
        first_name: patch(row.first_name),
        last_name: patch(row.last_name),
        email: patch(row.email),
        address: patch(row.address),
        custom1: patch(row.custom1),
        custom2: patch(row.custom2),
        custom3: patch(row.custom3),
        description: patch(row.description),
        timezone: patch(row.timezone),
    }
}

fn patch<T>(said: Option<T>) -> Patch<T> {
    said.map_or(Patch::Keep, Patch::Set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(row: &[&str]) -> Vec<String> {
        row.iter().map(|&value| value.to_owned()).collect()
    }

    fn read(row: &[&str]) -> Result<ContactProfile, String> {
        ContactLayout::default().read(&owned(row))
    }

    #[test]
    fn a_phone_alone_will_do() {
        let contact = read(&["+1 555 0100"]).unwrap();
        assert_eq!(contact.phone.unwrap().as_str(), "+15550100");
        assert_eq!(contact.first_name, None);
        assert_eq!(
            read(&["1", "", " ", "", "", "", "", "", "", "", ""]).map(drop),
            Ok(())
        );
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_said() {
        let wrong = read(&["x", "Ada", "", "nobody"]).unwrap_err();
        assert!(wrong.starts_with("phone: "), "{wrong}");
        assert!(wrong.contains("; email: "), "{wrong}");
        assert_eq!(read(&["", "Ada"]), Err("phone: is required".to_owned()));
        let wide = ["1", "2", "3", "", "", "", "", "", "", "ten"];
        assert_eq!(
            read(&wide),
            Err("has 10 columns, at most 9 are expected".to_owned())
        );
    }

    #[test]
    fn a_header_is_known_by_its_phone() {
        let header = owned(&["First Name", "colour", "Phone"]);
        let layout = ContactLayout::in_header(&header).unwrap().unwrap();
        let contact = layout.read(&owned(&["Ada", "red", "1"])).unwrap();
        assert_eq!(contact.first_name.unwrap().as_str(), "Ada");
        assert_eq!(contact.phone.unwrap().as_str(), "1");
        for name in ["Phone book", "Phone"] {
            let row = owned(&["15550100", name]);
            assert!(ContactLayout::in_header(&row).unwrap().is_none());
        }
        let twice = owned(&["phone", "email", "EMAIL"]);
        assert!(ContactLayout::in_header(&twice).is_err());
    }

    #[test]
    fn a_header_of_unknown_names_is_no_contact() {
        for header in [["Telefon", "Vorname"], ["first_name", "last_name"]] {
            let refused = ContactLayout::in_header(&owned(&header));
            assert!(refused.is_err(), "{header:?}");
        }
        for row in [["5550100", "Ada"], ["desk", "ada@example.com"], ["", "Ada"]] {
            assert!(ContactLayout::in_header(&owned(&row)).unwrap().is_none());
        }
        let phones_only = owned(&["Telefon"]);
        assert!(ContactLayout::in_header(&phones_only).unwrap().is_none());
    }

    #[test]
    fn the_sample_can_be_read() {
        for row in SAMPLE {
            read(&row).unwrap();
        }
    }
}
