//! A provider's share is in proportion to 1/weight.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use serde_json::json;
use sqlx::{query_as, query_scalar};

use crate::harness::{Mailing, Setup, eventually, seconds};

const SENDS: usize = 1_000;

#[tokio::test]
async fn a_thousand_sends_are_shared_out_exactly() {
    let server = Setup::on(&crate::harness::Database::create().await)
        .start()
        .await;
    let admin = server.admin().await;
    let mut share = BTreeMap::new();
    for weight in [10, 20, 40] {
        let body =
            json!({"name": format!("w{weight}"), "type": "sandbox", "weight": weight, "active": 1});
        let id = admin.post("/providers", body).await.id("provider_id");
        share.insert(id, 1.0 / f64::from(weight));
    }
    let mailing = Mailing::new(&admin).await;
    let contact = admin.contact("weights@example.com").await;
    let sends = (0..SENDS).map(|_| async {
        let transmission = mailing.to(contact).await;
        mailing.send(transmission).await;
    });
    stream::iter(sends)
        .buffer_unordered(32)
        .collect::<Vec<()>>()
        .await;

    let mut database = server.sql().await;
    let open = "select count(*) from read.transmissions where status in ('pending', 'processing')";
    eventually("all have been sent", seconds(60), async || {
        let open: i64 = query_scalar(open).fetch_one(&mut database).await.unwrap();
        (open == 0).then_some(())
    })
    .await;
    let sql = "select provider_id, count(*) from read.spools where status = 'completed' group by 1";
    let counts: Vec<(i64, i64)> = query_as(sql).fetch_all(&mut database).await.unwrap();
    assert_eq!(
        counts.iter().map(|row| row.1).sum::<i64>(),
        SENDS as i64,
        "{counts:?}"
    );

    let whole: f64 = share.values().sum();
    for (provider, count) in counts {
        let due = SENDS as f64 * share[&provider] / whole;
        assert!(
            (count as f64 - due).abs() <= 1.0,
            "provider {provider}: {count}, due {due:.1}"
        );
    }
}
