//! The source of slots: the database, or a simulation in tests.

use crate::slots::{self, Slots, Wish};
use async_trait::async_trait;
use sqlx::PgPool;

/// Hands out slots.
#[async_trait]
pub(super) trait Source: Send + Sync {
    async fn take(&self, key: &str, wish: Wish) -> Result<Slots, sqlx::Error>;
}

#[async_trait]
impl Source for PgPool {
    async fn take(&self, key: &str, wish: Wish) -> Result<Slots, sqlx::Error> {
        slots::take(self, key, wish).await
    }
}
