//! The list of a user's senders of short messages, which account administrators keep.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Refusal,
    outreach::{SenderId, is_same_sender},
};

/// The most senders of one user.
const MOST: usize = 50;

/// The names and numbers that short messages of a user's accounts may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsSenders {
    pub(super) listed: Vec<String>,
    /// Those in use before there was a list, and the end of their period of grace.
    pub(super) provisional: Vec<String>,
    pub(super) until: Option<DateTime<Utc>>,
}

impl SmsSenders {
    /// Those that an account administrator listed.
    pub fn listed(&self) -> &[String] {
        &self.listed
    }

    /// True if a message may come from this name or number at this moment.
    pub fn allow(&self, sender: &str, at: DateTime<Utc>) -> bool {
        let in_grace = self.until.is_some_and(|until| at < until);
        let provisional = self.provisional.iter().filter(|_| in_grace);
        let mut all = self.listed.iter().chain(provisional);
        all.any(|it| is_same_sender(it, sender))
    }

    /// The list that these make, each once, in their order.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn set(names: Vec<SenderId>) -> Result<Vec<String>, Refusal> {
        let mut listed: Vec<String> = Vec::new();
        for name in names.into_iter().map(SenderId::into_string) {
            if !listed.iter().any(|known| is_same_sender(known, &name)) {
                listed.push(name);
            }
        }
        match listed.len() > MOST {
            true => Err(Refusal::invalid("names", format!("must be at most {MOST}"))),
            false => Ok(listed),
        }
    }

    /// Those of these that are in neither list yet.
    pub(super) fn unknown(&self, names: Vec<SenderId>) -> Vec<String> {
        let mut known: Vec<&String> = self.listed.iter().chain(&self.provisional).collect();
        let names: Vec<String> = names.into_iter().map(SenderId::into_string).collect();
        let mut unknown = Vec::new();
        for name in &names {
            if !known.iter().any(|it| is_same_sender(it, name)) {
                known.push(name);
                unknown.push(name.clone());
            }
        }
        unknown
    }
}
