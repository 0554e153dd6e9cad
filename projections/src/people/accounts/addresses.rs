//! The rights of accounts to their addresses.

use chrono::{DateTime, Utc};
use domain::people::{AccountEvent, AddressField};
use sqlx::PgConnection;

/// A right to an address, as stored in the read model.
#[derive(Default)]
struct Right {
    basis: Option<&'static str>,
    receives: bool,
    until: Option<DateTime<Utc>>,
}

/// Applies an event about an address; ignores all others.
pub(super) async fn apply(
    db: &mut PgConnection,
    id: i64,
    event: &AccountEvent,
) -> Result<(), sqlx::Error> {
    use AccountEvent::{
        AccountAddressAssigned, AccountAddressProvided, AccountAddressReleased,
        AccountAddressVerified,
    };
    let (field, right) = match event {
        AccountAddressVerified { field, .. } => (field, right("verified", true, None)),
        AccountAddressAssigned {
            field, receives, ..
        } => (field, right("assigned", *receives, None)),
        AccountAddressProvided {
            field,
            receives,
            until,
            ..
        } => (field, right("provisional", *receives, Some(*until))),
        AccountAddressReleased { field, .. } => (field, Right::default()),
        _ => return Ok(()),
    };
    set(db, id, *field, right).await?;
    flag(db, id).await
}

fn right(basis: &'static str, receives: bool, until: Option<DateTime<Utc>>) -> Right {
    Right {
        basis: Some(basis),
        receives,
        until,
    }
}

async fn set(
    db: &mut PgConnection,
    id: i64,
    field: AddressField,
    right: Right,
) -> Result<(), sqlx::Error> {
    let sql = match field {
        AddressField::Phone => {
            "update accounts set phone_basis = $2, phone_receives = $3, phone_until = $4 \
             where account_id = $1"
        }
        AddressField::Email => {
            "update accounts set email_basis = $2, email_receives = $3, email_until = $4 \
             where account_id = $1"
        }
    };
    sqlx::query(sql)
        .bind(id)
        .bind(right.basis)
        .bind(right.receives)
        .bind(right.until)
        .execute(db)
        .await
        .map(drop)
}

/// Updates the columns that accounts are filtered by, `unverified` and `conflict`.
pub(super) async fn flag(db: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update accounts set \
           unverified = (phone is not null and coalesce(phone_basis, 'provisional') = 'provisional') \
             or (email is not null and coalesce(email_basis, 'provisional') = 'provisional'), \
           conflict = (phone_basis is not null and not phone_receives) \
             or (email_basis is not null and not email_receives) \
         where account_id = $1",
    )
    .bind(id)
    .execute(db)
    .await
    .map(drop)
}
