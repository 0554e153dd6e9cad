//! Rebuilding read models beside the running server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::harness::{EventLog, Mailing, ReadModels, Setup, eventually, seconds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_is_noticed_by_no_reader_and_no_writer() {
    let server = Setup::embedded().start().await;
    let admin = server.admin().await;
    let mailing = Mailing::new(&admin).await;
    let mut known = Vec::new();
    for n in 0..200 {
        known.push(admin.contact(&format!("known{n}@example.com")).await);
    }
    let done = Arc::new(AtomicBool::new(false));
    let (reads, writes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let reader = {
        let (admin, done, reads, known) =
            (admin.clone(), done.clone(), reads.clone(), known.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let id = known[reads.fetch_add(1, Ordering::Relaxed) % known.len()];
                admin.get(&format!("/contacts/{id}")).await.ok();
                let list = admin.get("/contacts").await.ok();
                assert!(
                    list.as_array().unwrap().len() >= known.len(),
                    "rows are missing"
                );
            }
        })
    };
    let writer = {
        let (mailing, done, writes) = (mailing.clone(), done.clone(), writes.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let n = writes.fetch_add(1, Ordering::Relaxed);
                let id = mailing
                    .client
                    .contact(&format!("written{n}@example.com"))
                    .await;
                mailing.client.get(&format!("/contacts/{id}")).await.ok();
                let transmission = mailing.to(id).await;
                mailing.send(transmission).await;
                mailing
                    .client
                    .get(&format!("/transmissions/{transmission}"))
                    .await
                    .ok();
            }
        })
    };

    let mut rebuild = server.command(&["rebuild"]);
    let is_little = || {
        [&reads, &writes]
            .iter()
            .any(|it| it.load(Ordering::Relaxed) <= 20)
    };
    let mut rebuilds = 0;
    while rebuilds < 3 || is_little() {
        rebuilds += 1;
        let output = tokio::task::spawn_blocking(move || {
            let output = rebuild.output();
            (rebuild, output)
        });
        let (again, output) = output.await.unwrap();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        rebuild = again;
    }
    done.store(true, Ordering::Relaxed);
    reader.await.expect("no reader noticed");
    writer.await.expect("no writer noticed");

    let (reads, writes) = (
        reads.load(Ordering::Relaxed),
        writes.load(Ordering::Relaxed),
    );
    // The rebuilds have no side effects: each message was sent once.
    let mut log = EventLog::open(&server).await;
    let completed = async || log.count("SpoolCompleted").await as usize;
    eventually_equal(completed, writes).await;
    assert_eq!(log.count("SpoolStarted").await as usize, writes);
    ReadModels::assert_whole(&server).await;
    println!("{rebuilds} rebuilds beside {reads} rounds of reads and {writes} rounds of writes");
}

async fn eventually_equal(mut count: impl AsyncFnMut() -> usize, expected: usize) {
    eventually(&format!("there are {expected}"), seconds(30), async || {
        (count().await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_no_read_model_is_answered_with_those_there_are() {
    let server = Setup::embedded().start().await;
    let output = server.run(&["rebuild", "nonsense"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("contacts"),
        "{said}"
    );
    server.run_ok(&["rebuild", "contacts"]);
}
