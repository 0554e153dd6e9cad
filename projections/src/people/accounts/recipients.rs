//! The accounts that inbound messages reach.

use chrono::{DateTime, Utc};
use domain::{
    Owner, access::listed_as, flow::Service, outreach::ProgramType, people::normal_address,
};
use sqlx::{FromRow, PgPool};

use crate::reads::owner;

/// The account that an inbound message is for, and the program that handles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The account.
    pub account_id: i64,
    /// The user who owns the account.
    pub user_id: i64,
    /// The tenant that the account is of.
    pub tenant_id: i64,
    /// The subscribed program; none if no program handles the message.
    pub program_id: Option<i64>,
    /// The type of the program.
    pub program_type: Option<ProgramType>,
}

impl Recipient {
    /// The owner of the account.
    pub fn owner(&self) -> Owner {
        owner(self.tenant_id, Some(self.user_id))
    }
}

/// A row of the query: a recipient, and the index of its address.
#[derive(FromRow)]
struct Reached {
    place: i32,
    account_id: i64,
    user_id: i64,
    tenant_id: i64,
    program_id: Option<i64>,
    r#type: Option<String>,
}

/// Finds, for each address in order, the account that receives at one of its spellings (of a phone
/// number, or of an email address in lower case). The account holds the claim on the address, it
/// and its user are active, and its grace period, if it has one, lasts at `at`. The address is in
/// the list of no other tenant.
pub async fn reached_at(
    pool: &PgPool,
    service: Service,
    addresses: &[Vec<String>],
    program_types: &[&str],
    at: DateTime<Utc>,
) -> Result<Vec<Option<Recipient>>, sqlx::Error> {
    let (column, field, unless, list) = match service {
        // Postgres folds the Kelvin sign (and a dotted capital I) to an ASCII letter in some
        // locales; `normal_address`, by which addresses are claimed, does not.
        Service::Email => (
            "lower(coalesce(a.email, ''))",
            "email",
            "and a.email !~ '[\u{212a}\u{130}]'",
            "mail_domains",
        ),
        Service::Voice | Service::Fax | Service::Sms => {
            ("reverse(a.phone)", "phone", "", "numbers")
        }
    };
    let (mut places, mut spelt, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    for (place, spellings) in (0_i32..).zip(addresses) {
        for spelling in spellings {
            places.push(place);
            listed.push(listed_as(&normal_address(spelling)));
            spelt.push(match service {
                Service::Email => spelling.clone(),
                _ => spelling.chars().rev().collect(),
            });
        }
    }
    let sql = format!(
        "select distinct on (w.place) w.place, a.account_id, a.user_id, a.tenant_id, p.program_id, p.type \
         from unnest($1::int[], $2::text[], $5::text[]) as w (place, spelling, listed), \
         lateral (select a.account_id, a.user_id, a.tenant_id, a.created_position from read.accounts a \
           join read.users u on u.user_id = a.user_id and u.active \
           where {column} = w.spelling {unless} and a.active and a.{field}_receives \
             and (a.{field}_until is null or a.{field}_until > $4) \
             and not exists (select from read.tenants t \
               where t.{list} @> array[w.listed] and t.tenant_id <> a.tenant_id) offset 0) a \
         left join lateral (select p.program_id, p.type from read.account_programs s \
           join read.programs p using (program_id) \
           where s.account_id = a.account_id and p.type = any($3) \
           order by p.program_id desc limit 1) p on true \
         order by w.place, p.program_id is null, a.created_position"
    );
    let found: Vec<Reached> = sqlx::query_as(&sql)
        .bind(places)
        .bind(spelt)
        .bind(program_types)
        .bind(at)
        .bind(listed)
        .fetch_all(pool)
        .await?;
    let mut recipients = vec![None; addresses.len()];
    for reached in found {
        if let Some(recipient) = recipients.get_mut(reached.place as usize) {
            *recipient = Some(Recipient {
                account_id: reached.account_id,
                user_id: reached.user_id,
                tenant_id: reached.tenant_id,
                program_id: reached.program_id,
                program_type: reached
                    .r#type
                    .and_then(|word| ProgramType::from_word(&word)),
            });
        }
    }
    Ok(recipients)
}

/// The accounts whose right to an address ends unless they verify it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisional {
    /// The number of provisional rights.
    pub count: i64,
    /// The time at which the first right ends.
    pub until: Option<DateTime<Utc>>,
    /// The ids of the first accounts, in order.
    pub first: Vec<i64>,
}

/// The accounts whose right to an address will end unless they verify it, the first `named` of
/// them by id.
pub async fn provisional(pool: &PgPool, named: i64) -> Result<Provisional, sqlx::Error> {
    let (count, until, first): (i64, Option<DateTime<Utc>>, Vec<i64>) = sqlx::query_as(
        "with provisional as (select account_id, least(phone_until, email_until) as until \
           from read.accounts where unverified and (phone_until > now() or email_until > now())) \
         select count(*), min(until), \
           array(select account_id from provisional order by account_id limit $1) from provisional",
    )
    .bind(named)
    .fetch_one(pool)
    .await?;
    Ok(Provisional {
        count,
        until,
        first,
    })
}
