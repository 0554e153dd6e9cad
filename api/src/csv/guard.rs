//! Protection from formulas. A spreadsheet runs text that begins like a formula, whoever wrote it:
//! a contact's name could read the rest of the sheet out. So such text is exported with a `'` in
//! front, which an import takes away again.
//!
//! The way back is exact: text that itself is a guard and a formula gets another guard.

use std::borrow::Cow;

const GUARD: char = '\'';

/// The cell for a text: guarded if it begins like a formula.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    if is_dangerous(text) {
        Cow::Owned(format!("{GUARD}{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a cell, without its guard.
pub(crate) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(text) if is_dangerous(text) => text,
        _ => cell,
    }
}

/// True if a text begins like a formula behind any number of guards. A bare `+` with digits is a
/// telephone number and nothing else, to every spreadsheet.
fn is_dangerous(text: &str) -> bool {
    let formula = text.trim_start_matches(GUARD);
    let is_bare = formula.len() == text.len();
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    match formula.strip_prefix('+') {
        Some(rest) if is_bare && is_number(rest) => false,
        Some(_) => true,
        None => formula.starts_with(['=', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_made_text() {
        for formula in [
            "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=", "+", "＝1", "+1*2#",
        ] {
            assert_eq!(guarded(formula), format!("'{formula}"), "{formula:?}");
        }
    }

    #[test]
    fn a_telephone_number_stays_as_it_is() {
        for plain in [
            "+15550100",
            "15550100",
            "Ada",
            "O'Neill",
            "'quoted'",
            "",
            "a=b",
        ] {
            assert_eq!(guarded(plain), plain, "{plain:?}");
        }
    }

    #[test]
    fn whatever_goes_out_comes_in_again() {
        for text in [
            "=1", "'=1", "''=1", "+1", "'+1", "''+1", "+1a", "'", "''", "'Ada", "@", "\t", "-5",
            "+", "'+", "Ada",
        ] {
            assert_eq!(unguarded(&guarded(text)), text, "{text:?}");
        }
    }
}
