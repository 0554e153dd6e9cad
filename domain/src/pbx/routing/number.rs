//! Telephone numbers, compared by their digits.

/// The digits of a number, with `*` and `#`, without a leading `+` or `00`: the same for all ways
/// of writing it. Empty if there are none, as of a caller who withholds the number.
pub fn normalised(number: &str) -> String {
    let is_dialled = |c: &char| c.is_ascii_digit() || matches!(c, '*' | '#');
    let dialled: String = number.chars().filter(is_dialled).collect();
    match dialled.strip_prefix("00") {
        Some(international) => international.to_owned(),
        None => dialled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for written in ["15146001434", "+1 (514) 600-1434", "0015146001434"] {
            assert_eq!(normalised(written), "15146001434");
        }
    }

    #[test]
    fn a_withheld_number_has_no_digits() {
        assert_eq!(normalised("anonymous"), "");
    }

    #[test]
    fn a_service_code_is_not_the_number_behind_it() {
        assert_eq!(normalised("*31#5146001434"), "*31#5146001434");
    }
}
