//! Integrity and confidentiality of the log.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_subject_reads_as_nothing_and_its_key_is_gone() {
    use domain::people::{Contact, ContactCommand, ContactEvent, ContactProfile};
    let scratch = Scratch::start().await;
    let (store, other) = (scratch.store().await, scratch.store().await);
    let create = ContactCommand::Create {
        id: Id::new(1),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        profile: ContactProfile {
            first_name: "Zaphod".parse().ok(),
            phone: "+15550100".parse().ok(),
            ..ContactProfile::default()
        },
    };
    carry_out::<Contact>(&store, 1, create, StateSource::Nothing)
        .await
        .unwrap();
    let first_of = |events: Vec<std::sync::Arc<crate::Recorded>>| events[0].event.clone();
    // The other process has the key in its cache from here on.
    let before = first_of(other.log().read(0, 10).await.unwrap());
    assert!(format!("{before:?}").contains("Zaphod"));
    carry_out::<Contact>(&store, 1, ContactCommand::Erase, StateSource::Log)
        .await
        .unwrap();
    let mut subscription = other.log().subscribe(1);
    timeout(LONG, subscription.next()).await.unwrap().unwrap();
    for store in [&store, &other] {
        let Event::Contact(ContactEvent::ContactCreated { profile, .. }) =
            first_of(store.log().read(0, 10).await.unwrap())
        else {
            panic!("another event");
        };
        assert_eq!(profile.get(), None);
    }
    let keys: i64 = sqlx::query_scalar("select count(*) from subject_keys")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(keys, 0);
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_cannot_be_changed_or_removed() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    append(&store, 1).await.unwrap();
    for sql in [
        "update events set sequence = 2",
        "delete from events",
        "truncate events",
    ] {
        let error = sqlx::query(sql).execute(store.pool()).await.unwrap_err();
        assert!(
            error.to_string().contains("never changed or removed"),
            "{sql}: {error}"
        );
    }
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_is_refused() {
    let scratch = Scratch::start().await;
    scratch.store().await;
    let opened = Store::open(scratch.pool().await, &MasterKey::new([2; 32])).await;
    assert!(matches!(opened, Err(StoreError::OtherMasterKey)));
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_form_is_read_in_todays() {
    use domain::delivery::TransmissionEvent;
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    // The form that version 1.0.0 wrote: without `avoid`.
    let payload = serde_json::json!({"SpoolQueued": {
        "spool": 1, "attempt": 1, "at": "2026-01-01T00:00:00Z", "due_at": "2026-01-01T00:00:00Z",
        "deadline": "2026-01-02T00:00:00Z", "program_version": 1, "account_id": 1,
        "flow": {"service": "email", "steps": [
            {"application": "email_send", "template_id": 1, "version": 1}]},
        "destination": {"$of": "contact/1"},
    }});
    sqlx::query(
        "insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, \
           payload, metadata, occurred_at, commit_id) \
         values ('transmission', '1', 1, 'SpoolQueued', '1.0.0', $1, '{}', now(), gen_random_uuid())",
    )
    .bind(payload)
    .execute(store.pool())
    .await
    .unwrap();
    let events = store.log().read(0, 10).await.unwrap();
    let Event::Transmission(event) = &events[0].event else {
        panic!("another event");
    };
    let TransmissionEvent::SpoolQueued {
        avoid, destination, ..
    } = event.as_ref()
    else {
        panic!("another event");
    };
    assert_eq!((avoid.len(), destination.get()), (0, None));
    scratch.stop().await;
}
