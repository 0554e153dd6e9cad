//! A request that is to be carried out once, however often it comes.
//!
//! The request's token travels in [`Metadata`](crate::Metadata) to every append that
//! comes of it, which marks it in the same transaction (`once.marks`). The mark fails,
//! and the append with it, once another attempt at the request has taken over.

use std::sync::{Arc, OnceLock};

use crate::{StoreError, appender::commit_id};

/// One attempt at a request.
#[derive(Clone, Debug)]
pub struct Once {
    token: Arc<str>,
    fingerprint: Arc<OnceLock<Vec<u8>>>,
    /// How to answer the request should the attempt not get to: only what may stand
    /// there in clear, ids.
    pub answer: Option<String>,
}

/// What an append says of the request that it comes of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub token: String,
    pub fingerprint: Option<Vec<u8>>,
    pub answer: Option<String>,
}

impl Once {
    /// A new attempt; what it is an attempt at may become known while it is read.
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

    /// Its token, in the text form of a UUID.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn mark(self) -> Mark {
        Mark {
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
