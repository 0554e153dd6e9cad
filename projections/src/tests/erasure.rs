//! Erasure of a contact leaves none of its data in the read models.

use domain::{
    delivery::{Outcome, Transmission, TransmissionEvent},
    people::{Contact, ContactEvent},
};

use testkit::transmissions::queued_call;

use super::{
    ScratchLog,
    history::{contact, ended, learned, queued, started, transmission},
    run,
};
use crate::rebuild::differences;

const WORD: &str = "Rumpelstiltskin";

#[tokio::test]
async fn an_erased_contact_leaves_nothing_and_a_rebuild_finds_the_same() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    scratch.append::<Contact>(1, [contact(1, 1, WORD)]).await;
    let mut sent = vec![transmission(1, 1, 1), queued(11, 1, 1), started(11)];
    sent.push(learned(11, 1, WORD));
    sent.extend(ended(11, 1, Outcome::Rejected, WORD));
    sent.extend([queued(12, 2, 1), started(12)]);
    let position = scratch.append::<Transmission>(1, sent).await;
    running.all_reached(position).await;
    assert_ne!(found(&scratch).await, Vec::<String>::new());

    scratch
        .append::<Contact>(
            1,
            [
                ContactEvent::ContactDeleted {},
                ContactEvent::ContactErased {},
            ],
        )
        .await;
    let position = scratch.append::<Transmission>(1, late()).await;
    running.all_reached(position).await;

    assert_eq!(found(&scratch).await, Vec::<String>::new());
    assert_eq!(
        scratch
            .text("select status || outcome from read.transmissions")
            .await
            .as_deref(),
        Some("completeddelivered")
    );
    assert_eq!(
        differences(scratch.log(), "transmissions").await.unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(
        differences(scratch.log(), "contacts").await.unwrap(),
        Vec::<String>::new()
    );
    running.stop().await;
    scratch.close().await;
}

#[tokio::test]
async fn the_record_of_an_erased_contacts_call_has_no_number() {
    let scratch = ScratchLog::open().await;
    let running = run(&scratch);
    scratch.append::<Contact>(1, [contact(1, 1, WORD)]).await;
    let mut called = vec![transmission(1, 1, 1), queued_call(11, 1, 1), started(11)];
    called.extend(ended(11, 1, Outcome::Unanswered, "USER_BUSY"));
    called.extend([queued_call(12, 2, 1), started(12)]);
    let position = scratch.append::<Transmission>(1, called).await;
    running.all_reached(position).await;
    let found = "select string_agg(coalesce(dst, '-') || ' ' || disposition, ', ' order by cdr_id) \
                 from read.cdrs";
    assert_eq!(scratch.text(found).await.as_deref(), Some("+15550100 BUSY"));

    let erased = [
        ContactEvent::ContactDeleted {},
        ContactEvent::ContactErased {},
    ];
    scratch.append::<Contact>(1, erased).await;
    // A call that was in progress, and one that was about to be queued.
    let mut late = Vec::from(ended(12, 1, Outcome::Unanswered, "USER_BUSY"));
    late.push(queued_call(13, 3, 1));
    late.extend(ended(13, 1, Outcome::Rejected, WORD));
    late.push(queued_call(14, 4, 1));
    let position = scratch.append::<Transmission>(1, late).await;
    running.all_reached(position).await;
    let expected = "- NO ANSWER, - NO ANSWER, - FAILED";
    assert_eq!(scratch.text(found).await.as_deref(), Some(expected));
    let numbers = "select count(*) from read.open_calls where dst is not null";
    assert_eq!(scratch.number(numbers).await, 0);
    assert_eq!(
        differences(scratch.log(), "cdrs").await.unwrap(),
        Vec::<String>::new()
    );
    running.stop().await;
    scratch.close().await;
}

/// The events of an attempt that was in flight during the erasure.
fn late() -> Vec<TransmissionEvent> {
    let mut events = vec![learned(12, 1, WORD)];
    events.extend(ended(12, 1, Outcome::Delivered, WORD));
    events
}

/// The tables in which the word still occurs.
async fn found(scratch: &ScratchLog) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables \
         where schemaname in ('read', 'dispatch', 'rebuild')",
    )
    .fetch_all(&scratch.pool)
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let sql = format!("select count(*) from {table} t where t::text like '%{WORD}%'");
        if scratch.number(&sql).await > 0 {
            found.push(table);
        }
    }
    found
}
