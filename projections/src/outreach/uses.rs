//! Reads of what is in use: programs, and what programs refer to.

use domain::{
    Id,
    outreach::{MessageId, MessageUses},
    people::{Account, AccountUses},
};
use sqlx::PgPool;

/// The number of transmissions of a program that have not ended.
pub async fn open_transmissions(pool: &PgPool, program_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from read.transmissions \
         where program_id = $1 and status in ('pending', 'processing')",
    )
    .bind(program_id)
    .fetch_one(pool)
    .await
}

/// The number of accounts that are subscribed to a program.
pub async fn subscribed_accounts(pool: &PgPool, program_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from read.account_programs where program_id = $1")
        .bind(program_id)
        .fetch_one(pool)
        .await
}

/// The uses of a message.
pub async fn uses_of_message(pool: &PgPool, id: MessageId) -> Result<MessageUses, sqlx::Error> {
    let (sql, id) = match id {
        MessageId::Document(id) => (
            "select count(*) from read.programs where document_id = $1",
            id.get(),
        ),
        MessageId::Recording(id) => (
            "select count(*) from read.programs where recording_id = $1",
            id.get(),
        ),
        MessageId::Template(id) => (
            "select count(*) from read.programs where template_id = $1",
            id.get(),
        ),
        MessageId::Text(id) => (
            "select count(*) from read.programs where text_id = $1",
            id.get(),
        ),
    };
    let programs = sqlx::query_scalar(sql).bind(id).fetch_one(pool).await?;
    Ok(MessageUses { programs })
}

/// The uses of an account.
pub async fn uses_of_account(pool: &PgPool, id: Id<Account>) -> Result<AccountUses, sqlx::Error> {
    let (programs, transmissions) = sqlx::query_as(
        "select (select count(*) from read.programs where account_id = $1), \
         (select count(*) from read.transmissions \
          where account_id = $1 and status in ('pending', 'processing'))",
    )
    .bind(id.get())
    .fetch_one(pool)
    .await?;
    Ok(AccountUses {
        programs,
        transmissions,
    })
}
