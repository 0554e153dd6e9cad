//! Country calling codes: the country of a telephone number, and its time zone. A row of
//! `calling_codes.tsv` is a prefix in international form, the country, and its zone if all numbers
//! of that prefix are in one. For a code that several countries share the row names the largest.

use std::{collections::HashMap, sync::LazyLock};

use crate::values::PhoneNumber;

/// A prefix of telephone numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallingCode {
    /// The digits after the `+`.
    pub prefix: &'static str,
    /// ISO 3166-1 alpha-2; `XK` for Kosovo, which has no code of ISO's.
    pub country: &'static str,
    /// The name of its time zone, if the prefix has only one in practice.
    pub zone: Option<&'static str>,
}

/// The most digits that a prefix of the table has.
const MAX_PREFIX_DIGITS: usize = 7;

static CODES: LazyLock<HashMap<&'static str, CallingCode>> = LazyLock::new(|| {
    let rows = include_str!("calling_codes.tsv").lines().filter_map(row);
    rows.map(|code| (code.prefix, code)).collect()
});

/// The longest prefix that a number in international form (`+` or `00`) begins with.
pub fn calling_code(number: &PhoneNumber) -> Option<CallingCode> {
    let dialled = number.as_str();
    let digits = dialled
        .strip_prefix('+')
        .or_else(|| dialled.strip_prefix("00"))?;
    let longest = MAX_PREFIX_DIGITS.min(digits.len());
    let mut prefixes = (1..=longest)
        .rev()
        .filter_map(|length| digits.get(..length));
    prefixes.find_map(|prefix| CODES.get(prefix).copied())
}

fn row(line: &'static str) -> Option<CallingCode> {
    let mut columns = line.split('\t');
    Some(CallingCode {
        prefix: columns.next()?,
        country: columns.next()?,
        zone: columns.next(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::reference::{countries, timezone_named};

    fn code(number: &str) -> Option<(&'static str, Option<&'static str>)> {
        let code = calling_code(&number.parse().unwrap())?;
        Some((code.country, code.zone))
    }

    #[test]
    fn every_row_names_a_country_and_a_zone_that_there_are() {
        let lines = include_str!("calling_codes.tsv").lines().count();
        assert_eq!(CODES.len(), lines, "a prefix stands twice");
        let known: BTreeSet<_> = countries().iter().map(|c| c.alpha2).collect();
        for code in CODES.values() {
            let digits = code.prefix.bytes().all(|b| b.is_ascii_digit());
            assert!(
                digits && (1..=MAX_PREFIX_DIGITS).contains(&code.prefix.len()),
                "{code:?}"
            );
            assert!(
                known.contains(code.country) || code.country == "XK",
                "{code:?}"
            );
            if let Some(zone) = code.zone {
                let listed = timezone_named(zone).map(|listed| listed.name);
                assert_eq!(listed, Some(zone), "{code:?}");
                assert!(zone.parse::<chrono_tz::Tz>().is_ok(), "{code:?}");
            }
        }
    }

    #[test]
    fn the_longest_prefix_counts() {
        assert_eq!(code("+12125550100"), Some(("US", None)));
        assert_eq!(code("+18765550100"), Some(("JM", Some("America/Jamaica"))));
        assert_eq!(code("+74955550100"), Some(("RU", None)));
        assert_eq!(code("+77015550100"), Some(("KZ", Some("Asia/Almaty"))));
        assert_eq!(code("+493055501"), Some(("DE", Some("Europe/Berlin"))));
        assert_eq!(code("00493055501"), code("+493055501"));
    }

    #[test]
    fn a_number_that_is_not_international_is_of_no_country() {
        for number in [
            "03055501",
            "493055501",
            "+",
            "00",
            "*100#",
            "+8835550100",
            "+999",
        ] {
            let Ok(number) = number.parse() else { continue };
            assert_eq!(calling_code(&number), None, "{number}");
        }
    }
}
