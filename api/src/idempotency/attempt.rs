//! One attempt at a request that must be carried out only once.
//!
//! The attempt's token travels in the metadata to every append that the request causes, which
//! inserts a mark in the same transaction (`once.marks`). The mark fails, and the append with
//! it, once another attempt at the request has taken over.

use std::sync::{Arc, OnceLock};

use eventstore::{Effect, EffectKind, Late, LateEffect, Metadata, StoreError, random_id};

static MARK: EffectKind = EffectKind {
    name: "marked",
    statement: "insert into once.marks (token, fingerprint, answer) \
                select m.token::uuid, m.fingerprint::bytea, m.answer \
                from unnest({0}::text[], {1}::text[], {2}::text[]) \
                  as m (token, fingerprint, answer)",
    columns: 3,
    refused_by: Some("marks_token_fkey"),
};

/// One attempt at a request.
#[derive(Clone, Debug)]
pub(crate) struct IdempotentRequest {
    token: Arc<str>,
    fingerprint: Arc<OnceLock<Vec<u8>>>,
    /// The answer to the request in case the attempt ends before it answers. Stored in clear, so
    /// only ids.
    answer: Option<String>,
}

impl IdempotentRequest {
    /// A new attempt at a request, whose fingerprint may be set later, while the body is read.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(fingerprint: Arc<OnceLock<Vec<u8>>>) -> Result<Self, StoreError> {
        Ok(Self {
            token: random_id()?.into(),
            fingerprint,
            answer: None,
        })
    }

    /// The attempt's token: 32 hex digits, which Postgres accepts as a UUID.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Puts the answer into the mark of the appends with this metadata, if they leave one.
    pub fn answer(metadata: &mut Metadata, answer: impl FnOnce() -> Option<String>) {
        let attempt = metadata.effect.as_ref().and_then(|late| late.get::<Self>());
        if let Some(once) = attempt.cloned() {
            let answer = answer();
            metadata.effect = Some(Late::new(Self { answer, ..once }));
        }
    }
}

impl LateEffect for IdempotentRequest {
    fn effect(&self) -> Effect {
        let fingerprint = self.fingerprint.get();
        Effect {
            kind: &MARK,
            row: vec![
                Some(self.token.to_string()),
                // The text form of bytes in Postgres.
                fingerprint.map(|bytes| format!("\\x{}", hex::encode(bytes))),
                self.answer.clone(),
            ],
        }
    }
}
