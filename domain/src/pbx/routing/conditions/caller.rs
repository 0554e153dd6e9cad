//! `CALLERID`: the number of the caller.

use super::params;
use crate::pbx::{ConditionDetails, routing::number::normalised};

/// The number that a parameter of `CALLERID` stands for. Numbers are compared by their digits,
/// without a leading `+` or `00`. A parameter that ends in `*` stands for all numbers that begin
/// so; `*` alone for all that are not withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    digits: String,
    is_prefix: bool,
}

impl Pattern {
    fn read(text: &str) -> Option<Self> {
        let (number, is_prefix) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        let is_written = |c: char| c.is_ascii_digit() || "+ .-/()".contains(c);
        let digits = normalised(number);
        let is_number = number.chars().all(is_written) && (is_prefix || !digits.is_empty());
        is_number.then_some(Self { digits, is_prefix })
    }

    /// True for this number, in its normalised form.
    pub(super) fn matches(&self, caller: &str) -> bool {
        if self.is_prefix {
            return !caller.is_empty() && caller.starts_with(&self.digits);
        }
        caller == self.digits
    }
}

/// Reads the parameters of a `CALLERID`.
pub(super) fn read(details: &ConditionDetails) -> Result<Vec<Pattern>, String> {
    let pattern = |(number, text): (usize, &str)| {
        Pattern::read(text).ok_or_else(|| {
            format!("param{number} must be a telephone number, or its first digits and *")
        })
    };
    let patterns: Vec<_> = params(details).map(pattern).collect::<Result<_, _>>()?;
    if patterns.is_empty() {
        return Err("param1 must be a telephone number".to_owned());
    }
    Ok(patterns)
}
