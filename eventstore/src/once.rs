//! Idempotent requests: carried out once, however often they come.
//!
//! The attempt's token travels in [`Metadata`](crate::Metadata) to every append that the
//! request causes, which inserts a mark in the same transaction (`once.marks`). The mark fails,
//! and the append with it, once another attempt at the request has taken over.

use std::sync::{Arc, OnceLock};

use crate::{StoreError, appender::commit_id};

/// One attempt at a request.
#[derive(Clone, Debug)]
pub struct Once {
    token: Arc<str>,
    fingerprint: Arc<OnceLock<Vec<u8>>>,
    /// The answer to the request in case the attempt ends before it answers. Stored in clear, so
    /// only ids.
    pub answer: Option<String>,
}

/// The mark that an append leaves for the request that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestMark {
    pub token: String,
    pub fingerprint: Option<Vec<u8>>,
    pub answer: Option<String>,
}

impl Once {
    /// A new attempt at a request, whose fingerprint may be set later, while the body is read.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(fingerprint: Arc<OnceLock<Vec<u8>>>) -> Result<Self, StoreError> {
        Ok(Self {
            token: commit_id()?.into(),
            fingerprint,
            answer: None,
        })
    }

    /// The attempt's token: 32 hex digits, which Postgres accepts as a UUID.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn mark(self) -> RequestMark {
        RequestMark {
            token: self.token.to_string(),
            fingerprint: self.fingerprint.get().cloned(),
            answer: self.answer,
        }
    }
}

impl PartialEq for Once {
    fn eq(&self, other: &Self) -> bool {
        self.token == other.token
    }
}

impl Eq for Once {}
