//! A user's list of senders of short messages, kept by account administrators.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Refusal,
    outreach::{SenderId, is_same_sender},
};

/// The greatest number of senders that an account administrator can list for one user.
const MOST: usize = 50;

/// The names and numbers that short messages of a user's accounts may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsSenders {
    pub(super) listed: Vec<String>,
    /// Senders in use before the list was introduced; valid until the end of their period of grace.
    pub(super) provisional: Vec<String>,
    pub(super) until: Option<DateTime<Utc>>,
}

impl SmsSenders {
    /// The senders that an account administrator listed.
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

    /// The list of these senders without duplicates, in their order.
    ///
    /// # Errors
    /// More than `MOST` senders.
    pub(super) fn set(names: Vec<SenderId>) -> Result<Vec<String>, Refusal> {
        let mut listed: Vec<String> = Vec::new();
        for name in names.into_iter().map(SenderId::into_string) {
            if !listed.iter().any(|known| is_same_sender(known, &name)) {
                listed.push(name);
            }
        }
        if listed.len() > MOST {
            Err(Refusal::invalid("names", format!("must be at most {MOST}")))
        } else {
            Ok(listed)
        }
    }

    /// The senders among `names` that are neither listed nor provisional yet, without duplicates.
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
