//! Lists and their filters.

use cqrs_es::Aggregate as _;
use domain::{
    FIRST_TENANT, Id, Scope,
    delivery::{Outcome, Transmission},
    people::Contact,
};
use futures::TryStreamExt as _;

use super::{
    ScratchLog,
    history::{contact, ended, learned, queued, started, transmission},
    run,
};
use crate::{
    Query, View, count,
    delivery::{spool_results, spools, transmissions::TransmissionRow},
    find, list, page,
    people::contacts::ContactRow,
};

/// The rows of a user in the first tenant.
fn own(user: i64) -> Scope {
    Scope::own(Id::new(user), [FIRST_TENANT])
}

fn query<V: View>(pairs: &[(&str, &str)]) -> Query<V> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Query::parse(pairs.iter().map(owned)).unwrap()
}

async fn ids(scratch: &ScratchLog, pairs: &[(&str, &str)], scope: &Scope) -> Vec<i64> {
    let rows = list::<ContactRow>(&scratch.pool, query(pairs), scope);
    rows.map_ok(|row| row.contact_id)
        .try_collect()
        .await
        .unwrap()
}

#[tokio::test]
async fn contacts_are_found_by_what_is_documented() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    let mut position = 0;
    for (id, owner, name) in [
        (1, 1, "Ada"),
        (2, 1, "100%Ada"),
        (3, 2, "Grace"),
        (4, 1, "bea"),
    ] {
        position = scratch
            .append::<Contact>(id, [contact(id, owner, name)])
            .await;
    }
    running.reached(Contact::TYPE, position).await;

    let all = &Scope::Installation;
    assert_eq!(ids(&scratch, &[], all).await, [1, 2, 3, 4]);
    assert_eq!(ids(&scratch, &[], &own(1)).await, [1, 2, 4]);
    assert_eq!(ids(&scratch, &[("first_name", "ADA")], all).await, [1, 2]);
    assert_eq!(ids(&scratch, &[("first_name", "0%a")], all).await, [2]);
    assert_eq!(
        ids(&scratch, &[("first_name", "a_a")], all).await,
        Vec::<i64>::new()
    );
    assert_eq!(
        ids(&scratch, &[("phone", "0100"), ("limit", "2")], all).await,
        [1, 2]
    );
    assert_eq!(
        ids(&scratch, &[("phone", "555")], all).await,
        Vec::<i64>::new()
    );
    assert_eq!(
        ids(&scratch, &[("email", "GRACE@example.com")], all).await,
        [3]
    );
    assert_eq!(ids(&scratch, &[("created_by", "2")], all).await, [3]);
    assert_eq!(
        ids(&scratch, &[("created_by", "2")], &own(1)).await,
        Vec::<i64>::new()
    );
    assert_eq!(
        ids(&scratch, &[("before", "1000")], all).await,
        Vec::<i64>::new()
    );
    assert_eq!(
        ids(&scratch, &[("after", "-99999999999999")], all)
            .await
            .len(),
        4
    );
    assert_eq!(
        ids(&scratch, &[("sort", "-first_name")], all).await,
        [3, 4, 1, 2]
    );

    let first = query::<ContactRow>(&[("sort", "first_name"), ("limit", "2")]);
    let first = page(&scratch.pool, &first, all).await.unwrap();
    let cursor = first.next.unwrap().to_string();
    let next = [("sort", "first_name"), ("limit", "2"), ("cursor", &cursor)];
    assert_eq!(ids(&scratch, &next, all).await, [4, 3]);
    assert_eq!(
        count::<ContactRow>(&scratch.pool, &query(&next), all)
            .await
            .unwrap(),
        4
    );
    assert!(
        find::<ContactRow>(&scratch.pool, 3, &own(1))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        find::<ContactRow>(&scratch.pool, 3, &own(2))
            .await
            .unwrap()
            .is_some()
    );
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn a_long_list_is_streamed_whole() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    sqlx::query(
        "insert into read.contacts (contact_id, user_id, created_position, created_at, \
           updated_at, version) \
         select n, 1, 5000 - n, now(), now(), 1 from generate_series(1, 3500) n",
    )
    .execute(&scratch.pool)
    .await
    .unwrap();
    let by_creation = ids(&scratch, &[], &Scope::Installation).await;
    assert_eq!(by_creation, (1..=3500).rev().collect::<Vec<_>>());
    let sorted = ids(&scratch, &[("sort", "last_name")], &own(1)).await;
    assert_eq!(sorted, by_creation);
    let sorted = ids(&scratch, &[("sort", "contact_id")], &own(1)).await;
    assert_eq!(sorted, (1..=3500).collect::<Vec<_>>());
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn a_transmission_reads_as_documented() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    scratch.append::<Contact>(1, [contact(1, 5, "Ada")]).await;
    let mut events = vec![transmission(1, 5, 1), queued(11, 1, 1), started(11)];
    events.push(learned(11, 1, "250 ok"));
    events.extend(ended(11, 1, Outcome::Delivered, "250 ok"));
    let position = scratch.append::<Transmission>(1, events).await;
    running.all_reached(position).await;

    let row = find::<TransmissionRow>(&scratch.pool, 1, &own(5))
        .await
        .unwrap()
        .unwrap();
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(json["status"], "completed");
    assert_eq!(json["outcome"], "delivered");
    assert_eq!(json["last_run"], 1_700_000_001);
    assert_eq!(json["contact"]["first_name"], "Ada");
    assert_eq!(json["contact_phone"], "+15550100");
    assert_eq!(row.version, 6);
    for (pairs, found) in [
        (&[("phone", "0100"), ("status", "completed")][..], 1),
        (&[("contact_email", "ada@example.com"), ("title", "PRI")], 1),
        (&[("email", "ada@example.com")], 1),
        (&[("account_email", "ada@example.com")], 0),
        (&[("service_flag", "12")], 1),
        (&[("service_flag", "4")], 0),
        (&[("status", "fail")], 0),
    ] {
        let query = query::<TransmissionRow>(pairs);
        let counted = count(&scratch.pool, &query, &Scope::Installation)
            .await
            .unwrap();
        assert_eq!(counted, found, "{pairs:?}");
    }
    let spools = spools::of_transmission(&scratch.pool, 1, &Scope::Installation)
        .await
        .unwrap();
    let json = serde_json::to_value(&spools[0]).unwrap();
    assert_eq!(json["time_start"], 1_700_000_001);
    assert_eq!(json["time_connect"], serde_json::Value::Null);
    assert_eq!(json["provider_id"], 8);
    let results = spool_results::of_spool(&scratch.pool, 11, &own(5))
        .await
        .unwrap();
    let position = position - 2;
    assert_eq!(results[0].spool_result_id, (position - 1) * 32 + 1);
    assert_eq!(results.len(), 2);
    let hidden = spool_results::of_spool(&scratch.pool, 11, &own(6))
        .await
        .unwrap();
    assert_eq!(hidden, vec![]);
    running.stop().await;
    scratch.close().await;
}
