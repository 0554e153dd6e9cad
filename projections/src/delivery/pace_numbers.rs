//! The numbers `cpm` and `delay` of campaigns, as clients write and see them.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Serializes a number with nine significant digits, as many as are exact in both `cpm` and
/// `delay`, so that 3 comes back as 3.
pub(super) fn nine_digits<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let rounded = format!("{number:.8e}").parse().unwrap_or(*number);
    // Whole numbers are written as such; these are far below 2^53.
    if rounded.fract() == 0.0 {
        serializer.serialize_i64(rounded as i64)
    } else {
        serializer.serialize_f64(rounded)
    }
}

/// Reads a finite number from a query parameter.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite());
    number
        .map(Some)
        .ok_or_else(|| D::Error::custom("must be a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_comes_back_whole() {
        let written = |number: f64| {
            let mut json = Vec::new();
            nine_digits(&number, &mut serde_json::Serializer::new(&mut json)).unwrap();
            String::from_utf8(json).unwrap()
        };
        assert_eq!(written(3.000_000_000_003), "3");
        assert_eq!(written(0.033_333_333_333 * 60.0), "2");
        assert_eq!(written(333.333_333_333_333), "333.333333");
        assert_eq!(written(0.001), "0.001");
    }
}
