//! Rate tables: prices of calls by the beginning of the number.

use serde::{Deserialize, Serialize};

use super::{Details, Record, RecordCommand, RecordEvent, required};
use crate::{Patch, Refusal, values::Line};

/// A rate table.
pub type RateTable = Record<RateTableDetails>;
/// A command to a rate table.
pub type RateTableCommand = RecordCommand<RateTableDetails>;
/// An event of a rate table.
pub type RateTableEvent = RecordEvent<RateTableDetails>;

/// The most rates in a table.
pub const MAX_RATES: usize = 5_000;

/// The details of a rate table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateTableDetails {
    /// The name, for people.
    pub name: Option<Line>,
    /// The currency, as an ISO 4217 code.
    pub currency: Option<Line>,
    /// The rates.
    pub rates: Vec<Rate>,
}

/// The price of calls to numbers that begin alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The digits that the numbers begin with, in international form without `+`; empty for all.
    pub prefix: String,
    /// The price of a minute, in millionths of the currency.
    pub per_minute: u64,
    /// The price of an answered call, whatever its length, in millionths of the currency.
    #[serde(default)]
    pub per_call: u64,
    /// The seconds that a call is charged in steps of.
    #[serde(default = "one_second")]
    pub increment: u32,
}

const fn one_second() -> u32 {
    1
}

impl Rate {
    /// The price of a call of this many seconds, in millionths of the currency.
    pub fn price(&self, seconds: u64) -> u64 {
        let increment = u64::from(self.increment.max(1));
        let charged = seconds.div_ceil(increment).saturating_mul(increment);
        let minutes = charged.saturating_mul(self.per_minute).div_ceil(60);
        self.per_call.saturating_add(minutes)
    }
}

impl RateTableDetails {
    /// The rate for a number, in international form with or without `+`: that of the longest prefix.
    pub fn rate(&self, number: &str) -> Option<&Rate> {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let fitting = self
            .rates
            .iter()
            .filter(|it| digits.starts_with(&it.prefix));
        fitting.max_by_key(|it| it.prefix.len())
    }
}

/// The fields of a new rate table, or a partial update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RateTablePatch {
    pub name: Patch<Line>,
    pub currency: Patch<Line>,
    pub rates: Patch<Vec<Rate>>,
}

impl Details for RateTableDetails {
    const TYPE: &'static str = "rate_table";
    const NOUN: &'static str = "RateTable";
    type Patch = RateTablePatch;

    fn patched(mut self, patch: RateTablePatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.currency.apply(&mut self.currency);
        patch.rates.apply_or_default(&mut self.rates);
        required("name", &self.name)?;
        if let Some(currency) = &self.currency {
            let is_code =
                |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
            if !is_code(currency.as_str()) {
                let reason = "must be a code of three capitals, such as EUR";
                return Err(Refusal::invalid("currency", reason));
            }
        }
        check_rates(&self.rates)?;
        Ok(self)
    }
}

fn check_rates(rates: &[Rate]) -> Result<(), Refusal> {
    if rates.len() > MAX_RATES {
        let reason = format!("must be at most {MAX_RATES}");
        return Err(Refusal::invalid("rates", reason));
    }
    let is_prefix = |rate: &Rate| {
        rate.prefix.len() <= 15 && rate.prefix.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !rates.iter().all(is_prefix) {
        let reason = "must have prefixes of at most 15 digits";
        return Err(Refusal::invalid("rates", reason));
    }
    let mut prefixes: Vec<&str> = rates.iter().map(|rate| rate.prefix.as_str()).collect();
    prefixes.sort_unstable();
    if prefixes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::invalid("rates", "must have each prefix once"));
    }
    Ok(())
}
