//! The keys of the subjects, one for each, sealed by the master key and stored outside the log:
//! deleting a key erases the subject's data (crypto-shredding).

use std::{collections::HashMap, sync::Arc};

use domain::Subject;
use quick_cache::sync::Cache;
use sqlx::{PgExecutor, PgPool};

use crate::{
    StoreError,
    vault::{KEY_BYTES, Vault, random},
};

/// Capacity of the cache of opened keys.
const KEPT: usize = 16_384;

/// A subject's key, opened.
pub(crate) type SubjectKey = Arc<Vault>;

/// Reads subjects' keys, and caches those in use.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pool: PgPool,
    master: Vault,
    opened: Arc<Cache<Subject, SubjectKey>>,
}

impl Keys {
    pub fn new(pool: PgPool, master: Vault) -> Self {
        Self {
            pool,
            master,
            opened: Arc::new(Cache::new(KEPT)),
        }
    }

    /// A new key for a subject that has none, and its sealed form for the table of keys.
    pub fn create(&self, subject: &Subject) -> Result<(SubjectKey, Vec<u8>), StoreError> {
        let bytes: [u8; KEY_BYTES] = random()?;
        let sealed = self.master.seal_bytes(subject.as_str(), &bytes)?;
        Ok((Arc::new(Vault::under(&bytes)), sealed))
    }

    /// Puts a key into the cache once its row is committed.
    pub fn remember(&self, subject: Subject, key: SubjectKey) {
        self.opened.insert(subject, key);
    }

    /// Drops an erased subject's key from memory.
    pub fn forget(&self, subject: &Subject) {
        self.opened.remove(subject);
    }

    /// The keys of those subjects that have one; an erased subject has none.
    pub async fn read(
        &self,
        subjects: impl IntoIterator<Item = Subject>,
    ) -> Result<HashMap<Subject, SubjectKey>, StoreError> {
        self.read_over(&self.pool, subjects).await
    }

    /// As [`Keys::read`], read over this connection.
    pub async fn read_over(
        &self,
        db: impl PgExecutor<'_>,
        subjects: impl IntoIterator<Item = Subject>,
    ) -> Result<HashMap<Subject, SubjectKey>, StoreError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for subject in subjects {
            if found.contains_key(&subject) {
                continue;
            }
            match self.opened.get(&subject) {
                Some(key) => {
                    found.insert(subject, key);
                }
                None => missing.push(subject),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let names: Vec<&str> = missing.iter().map(Subject::as_str).collect();
        let rows: Vec<(String, Vec<u8>)> =
            sqlx::query_as("select subject, sealed from subject_keys where subject = any($1)")
                .bind(names)
                .fetch_all(db)
                .await?;
        for (subject, sealed) in rows {
            let bytes = self.master.open_bytes(&subject, &sealed)?;
            let bytes = bytes.as_slice().try_into();
            let bytes: &[u8; KEY_BYTES] =
                bytes.map_err(|_| StoreError::Vault("a subject's key has the wrong length"))?;
            let key = Arc::new(Vault::under(bytes));
            let subject = Subject::from(subject);
            self.opened.insert(subject.clone(), key.clone());
            found.insert(subject, key);
        }
        Ok(found)
    }
}
