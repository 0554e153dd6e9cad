//! Conversions of one user do not delay those of another.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use futures::future::join_all;
use serde_json::json;

use super::document_files::pdf;
use crate::harness::{Answer, Client, Database, Server, Setup, eventually, scratch_dir, seconds};

/// Bound on the waiting conversions of one user.
const WAITING: usize = 32;

/// A server on which the conversion of a PDF of many pages never ends.
async fn server() -> Server {
    let folder = scratch_dir("slow");
    for name in ["setpriv", "prlimit", "pdfinfo"] {
        symlink(format!("/usr/bin/{name}"), folder.join(name)).unwrap();
    }
    let gs = folder.join("gs");
    let bomb = "case \" $* \" in *' -dLastPage=9 '*) exec sleep 3600;; esac";
    fs::write(
        &gs,
        format!("#!/bin/bash\n{bomb}\nexec /usr/bin/gs \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&gs, fs::Permissions::from_mode(0o755)).unwrap();
    let setup = Setup::on(&Database::create().await).path(&folder);
    setup.set("CONVERSION_SECONDS", "300").start().await
}

async fn document(user: &Client) -> String {
    let document = user.post("/messages/documents", json!({"name": "fair"}));
    format!(
        "/messages/documents/{}/media",
        document.await.id("document_id")
    )
}

/// Uploads a PDF, with a longer time-out than usual.
async fn upload(user: &Client, media: &str, pages: usize) -> Answer {
    let request = user.request("PUT", media).timeout(seconds(600));
    let request = request.header("content-type", "application/pdf");
    user.send(request.body(pdf(pages))).await
}

/// The number of waiting conversions, from the metrics.
async fn waiting(server: &Server) -> usize {
    let metrics = server.stranger().get("/metrics").await.text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("ledgerline_conversions_waiting "));
    line.map_or(0, |count| count.trim().parse::<f64>().unwrap() as usize)
}

#[tokio::test]
async fn bombs_of_one_user_do_not_block_the_page_of_another() {
    let server = server().await;
    let (hostile, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let mut bombs = Vec::new();
    for _ in 0..8 {
        let (user, media) = (hostile.clone(), document(&hostile).await);
        bombs.push(tokio::spawn(async move { upload(&user, &media, 9).await }));
    }
    eventually("the bombs wait for each other", seconds(60), async || {
        (waiting(&server).await == 7).then_some(())
    })
    .await;
    let media = document(&other).await;
    let page = upload(&other, &media, 1).await;
    page.id("document_id");
    assert!(bombs.iter().all(|bomb| !bomb.is_finished()));

    // Uploads beyond the bound are told to retry; the other user's are not.
    let media = document(&hostile).await;
    let beyond = (0..WAITING).map(|_| upload(&hostile, &media, 1));
    let mut beyond = std::pin::pin!(join_all(beyond));
    let first = async {
        eventually("the line is full", seconds(60), async || {
            (waiting(&server).await == WAITING).then_some(())
        })
        .await;
        upload(&hostile, &media, 1).await
    };
    let refused: Answer = tokio::select! {
        _ = &mut beyond => panic!("they wait behind a bomb"),
        refused = first => refused,
    };
    refused.expect(503);
    assert!(refused.header("retry-after").is_some());
    let page = upload(&other, &document(&other).await, 1).await;
    page.id("document_id");
    bombs.iter().for_each(tokio::task::JoinHandle::abort);
}
