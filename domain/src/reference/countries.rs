//! Countries, by their ISO 3166-1 numeric codes.

use std::sync::LazyLock;

/// A country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 numeric.
    pub id: i32,
    /// ISO 3166-1 alpha-2.
    pub alpha2: &'static str,
    /// ISO 3166-1 alpha-3.
    pub alpha3: &'static str,
    /// The short name in English.
    pub name: &'static str,
}

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| {
    include_str!("countries.tsv")
        .lines()
        .filter_map(row)
        .collect()
});

/// All countries, in the order of their numbers.
pub fn countries() -> &'static [Country] {
    &COUNTRIES
}

/// The country with this number.
pub fn country(id: i32) -> Option<&'static Country> {
    let at = COUNTRIES.binary_search_by_key(&id, |country| country.id);
    at.ok().map(|at| &COUNTRIES[at])
}

fn row(line: &'static str) -> Option<Country> {
    let mut columns = line.split('\t');
    Some(Country {
        id: columns.next()?.parse().ok()?,
        alpha2: columns.next()?,
        alpha3: columns.next()?,
        name: columns.next()?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_read_and_none_stands_twice() {
        assert_eq!(
            countries().len(),
            include_str!("countries.tsv").lines().count()
        );
        assert!(countries().windows(2).all(|pair| pair[0].id < pair[1].id));
        let codes: BTreeSet<_> = countries().iter().map(|c| (c.alpha2, c.alpha3)).collect();
        assert_eq!(codes.len(), countries().len());
        assert!(
            codes
                .iter()
                .all(|(two, three)| two.len() == 2 && three.len() == 3)
        );
    }

    #[test]
    fn a_number_leads_to_its_country() {
        assert_eq!(country(276).map(|it| it.alpha3), Some("DEU"));
        for unknown in [0, 1, 999] {
            assert_eq!(country(unknown), None);
        }
    }
}
