//! The transactions of a lane.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt as _;

use super::{apply, checkpoint, lane::Lane};
use crate::{Position, Recorded};

/// A member's share of a batch: its index in the lane, and the events that it wants.
pub(super) type Share = (usize, Vec<Arc<Recorded>>);

/// The end of a transaction.
pub(super) enum Written {
    Committed,
    /// A checkpoint was moved by another writer.
    Moved,
    /// Others hold a lock that it needs, or cancelled it.
    Busy,
    /// The events could not be applied, and the transaction was rolled back.
    Failed(String),
}

impl Lane {
    /// Applies the shares of some members and moves their checkpoints, in one transaction.
    pub(super) async fn write(
        &mut self,
        shares: &[Share],
        to: Position,
    ) -> Result<Written, sqlx::Error> {
        let moves: Vec<_> = shares
            .iter()
            .filter_map(|(index, _)| {
                let member = &self.members[*index];
                Some((member.name(), member.leading.as_ref()?.saved, to))
            })
            .collect();
        let is_durable = shares.iter().any(|(index, wanted)| {
            let subscriber = &self.members[*index].subscriber;
            wanted.iter().any(|event| subscriber.is_durable(event))
        });
        let result = self.transact(shares, &moves, is_durable).await;
        let written = match result {
            Ok(Ok(written)) => written,
            // The connection is in the middle of something.
            Err(_panic) => {
                self.connection.abandon();
                return Ok(Written::Failed("the program failed at it".to_owned()));
            }
            Ok(Err(error)) if is_of_connection(&error) => return Err(error),
            Ok(Err(error)) => {
                checkpoint::rollback(self.connection.get().await?).await?;
                return Ok(if is_busy(&error) {
                    Written::Busy
                } else {
                    Written::Failed(in_words(&error))
                });
            }
        };
        if !matches!(written, Written::Committed) {
            return Ok(written);
        }
        let head = self.log.head();
        for (index, wanted) in shares {
            let member = &mut self.members[*index];
            member.save(to);
            member.pass(to, head);
            member.subscriber.committed(wanted);
        }
        Ok(Written::Committed)
    }

    /// The transaction of [`Lane::write`]. A panic of a subscriber stops none of the others.
    async fn transact(
        &mut self,
        shares: &[Share],
        moves: &[checkpoint::Move],
        is_durable: bool,
    ) -> Result<Result<Written, sqlx::Error>, Box<dyn Any + Send>> {
        let Self {
            connection,
            members,
            ..
        } = self;
        let transaction = async {
            let db = connection.get().await?;
            let mut schema = "public";
            if let Some((index, _)) = shares.first() {
                schema = members[*index].subscriber.schema();
            }
            if !checkpoint::begin(db, moves, schema, is_durable).await? {
                return Ok(Written::Moved);
            }
            for (index, wanted) in shares {
                let subscriber = members[*index].subscriber.as_ref();
                if subscriber.schema() != schema {
                    schema = subscriber.schema();
                    checkpoint::search(db, schema).await?;
                }
                apply(subscriber, db, wanted).await?;
            }
            checkpoint::commit(db).await?;
            Ok(Written::Committed)
        };
        AssertUnwindSafe(transaction).catch_unwind().await
    }

    /// Continues at the checkpoints of these members, which another writer moved.
    pub(super) async fn follow_checkpoints(
        &mut self,
        members: &[usize],
    ) -> Result<(), sqlx::Error> {
        let head = self.log.head();
        let db = self.connection.get().await?;
        for index in members {
            self.members[*index].follow_checkpoint(db, head).await?;
        }
        Ok(())
    }
}

/// True if the error is of the connection or the server, so that no transaction of the lane can
/// go on.
fn is_of_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .is_none_or(|code| code.starts_with("08") || code.starts_with("57P")),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

/// True if the error passes by itself and is not due to the events: a lock that others hold, a
/// deadlock, a statement that was cancelled.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| {
        ["40", "55", "57"]
            .iter()
            .any(|class| code.starts_with(class))
    })
}

/// The database's error message without its details, which may hold data of the row.
fn in_words(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().unwrap_or_default()),
        None => error.to_string(),
    }
}
