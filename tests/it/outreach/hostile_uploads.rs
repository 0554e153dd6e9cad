//! Uploads that are not what they claim, or mean harm: a clear refusal, nothing half
//! stored, and nothing left running.

use std::{fs, path::PathBuf};

use serde_json::json;

use super::document_files::{BOMB, DOCX, ENCRYPTED, JPEG, PNG, TWO_PAGES, pdf, pdf_with};
use crate::harness::{Client, Database, Server, Setup, eventually, scratch_dir, seconds};

async fn document(user: &Client) -> String {
    let id = user
        .post("/messages/documents", json!({"name": "hostile"}))
        .await;
    format!("/messages/documents/{}", id.id("document_id"))
}

/// The descendants of a process, with ids and names.
fn descendants(pid: i32) -> Vec<(i32, String)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<(i32, i32, String)> = processes
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let (name, rest) = stat.rsplit_once(')')?;
            let name = name.split_once('(')?.1.to_owned();
            Some((id, rest.split_whitespace().nth(1)?.parse().ok()?, name))
        })
        .collect();
    let mut found: Vec<(i32, String)> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for (id, _, name) in all.iter().filter(|(_, of, _)| *of == parent) {
            parents.push(*id);
            found.push((*id, name.clone()));
        }
    }
    found
}

#[tokio::test]
async fn each_is_refused_and_leaves_the_document_as_it_was() {
    let user = Server::shared().await.user(&["user"]).await;
    let document = document(&user).await;
    let media = format!("{document}/media");
    user.upload(&media, "application/pdf", pdf(1)).await.ok();
    let before = user.get(&document).await;
    let postscript = b"%!PS\n(x) print showpage".to_vec();
    let mut polyglot = postscript.clone();
    polyglot.extend(pdf(1));
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("PostScript", postscript, 415),
        ("PostScript before a PDF", polyglot, 415),
        ("nothing at all", Vec::new(), 412),
        ("a PDF of nothing", b"%PDF-1.7\n%%EOF".to_vec(), 412),
        ("an encrypted PDF", ENCRYPTED.to_vec(), 412),
        ("10,000 pages", pdf(10_000), 412),
        ("a truncated TIFF", half(TWO_PAGES), 412),
        ("a truncated PNG", half(PNG), 412),
        ("a truncated JPEG", half(JPEG), 412),
        ("a bomb of a PNG", BOMB.to_vec(), 412),
        ("half an office document", half(DOCX), 412),
        ("garbage", vec![0xa5; 100_000], 415),
        ("a program", b"#!/bin/sh\nexit 0\n".to_vec(), 415),
        ("HTML", b"<html><body>hello</body></html>".to_vec(), 415),
    ];
    for (what, bytes, status) in cases {
        for method in ["PUT", "POST"] {
            let request = user
                .request(method, &media)
                .header("content-type", "application/pdf");
            let named = request.header("content-disposition", "attachment; filename=\"a.pdf\"");
            let answer = user.send(named.body(bytes.clone())).await;
            assert_eq!(answer.status, status, "{what}: {}", answer.text());
            if status == 412 {
                assert_eq!(answer.fields(), ["body"], "{what}");
            }
        }
    }
    let after = user.get(&document).await;
    assert_eq!(
        (before.ok(), before.header("etag")),
        (after.ok(), after.header("etag"))
    );
}

#[tokio::test]
async fn a_form_is_not_a_file() {
    let user = Server::shared().await.user(&["user"]).await;
    let media = format!("{}/media", document(&user).await);
    for kind in [
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    ] {
        user.upload(&media, kind, pdf(1)).await.expect(415);
    }
    let without = user.request("PUT", &media).body(pdf(1));
    user.send(without).await.expect(415);
}

/// A server of the test's own, whose workrooms can be counted.
async fn server(settings: &[(&str, &str)]) -> Server {
    let setup = Setup::on(&Database::create().await);
    let named = settings
        .iter()
        .fold(setup, |setup, (name, value)| setup.set(name, value));
    named.start().await
}

/// The workrooms of this server.
fn rooms(server: &Server) -> Vec<PathBuf> {
    let holds = |room: &PathBuf| {
        let lock = room.join(".lock");
        let found = fs::read_dir(format!("/proc/{}/fd", server.pid()))
            .into_iter()
            .flatten();
        found
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == lock))
    };
    let all = fs::read_dir("/tmp").unwrap().flatten();
    all.map(|entry| entry.path()).filter(holds).collect()
}

/// A PDF that Ghostscript renders slowly: 20 pages of very many shapes.
fn slow() -> Vec<u8> {
    let shapes = "0 0 595 842 re f 0 0 m 595 842 l 300 0 595 0 595 842 c s ".repeat(60_000);
    pdf_with(20, &shapes)
}

#[tokio::test]
async fn a_conversion_past_its_time_limit_leaves_nothing() {
    let server = server(&[("CONVERSION_SECONDS", "8")]).await;
    let admin = server.admin().await;
    let document = document(&admin).await;
    let answer = admin
        .upload(&format!("{document}/media"), "application/pdf", slow())
        .await;
    assert_eq!(
        answer.expect(412)["errors"][0]["message"],
        "takes too long to convert"
    );
    assert!(descendants(server.pid().as_raw()).is_empty());
    assert_eq!(rooms(&server), Vec::<PathBuf>::new());
    assert_eq!(admin.get(&document).await.ok()["pages"], json!(null));
    let few = admin
        .upload(&format!("{document}/media"), "application/pdf", pdf(1))
        .await;
    few.id("document_id");
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_running() {
    let server = server(&[]).await;
    let admin = server.admin().await;
    let media = format!("{}/media", document(&admin).await);
    let upload = admin.upload(&media, "application/pdf", slow());
    let converting = eventually("a conversion has begun", seconds(20), async || {
        (!descendants(server.pid().as_raw()).is_empty()).then_some(())
    });
    tokio::select! {
        _ = upload => panic!("answered before its time"),
        () = converting => {}
    }
    eventually("all is gone", seconds(10), async || {
        (descendants(server.pid().as_raw()).is_empty() && rooms(&server).is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_or_is_killed_leaves_nothing_running() {
    for killed in [false, true] {
        let mut server = server(&[]).await;
        let admin = server.admin().await;
        let media = format!("{}/media", document(&admin).await);
        let client = admin.clone();
        let bytes = slow();
        let upload = tokio::spawn(async move {
            let request = client
                .request("PUT", &media)
                .header("content-type", "application/pdf");
            let _cut_off = client.try_send(request.body(bytes)).await;
        });
        let pid = server.pid().as_raw();
        let (room, running) = eventually("a conversion has begun", seconds(20), async || {
            let running = descendants(pid);
            let is_drawing = running.iter().any(|(_, name)| name == "gs");
            let room = rooms(&server).pop().filter(|_| is_drawing)?;
            Some((room, running))
        })
        .await;
        if killed {
            server.kill9();
        } else {
            server.sigterm(seconds(10));
        }
        eventually("none of them runs", seconds(5), async || {
            let lives = |(id, _): &(i32, String)| {
                let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
                !stat.is_empty() && !stat.contains(") Z ")
            };
            (!running.iter().any(lives)).then_some(())
        })
        .await;
        upload.await.unwrap();
        if killed {
            server.start().await;
        }
        assert!(!room.exists(), "killed: {killed}");
    }
}

#[tokio::test]
async fn what_is_not_installed_is_said() {
    let bare = scratch_dir("bare");
    for tool in ["setpriv", "prlimit", "pdfinfo", "gs"] {
        std::os::unix::fs::symlink(format!("/usr/bin/{tool}"), bare.join(tool)).unwrap();
    }
    let setup = Setup::on(&Database::create().await).path(&bare);
    let server = setup.start().await;
    let admin = server.admin().await;
    let media = format!("{}/media", document(&admin).await);
    for (bytes, missing) in [(TWO_PAGES, "tiff2pdf"), (DOCX, "LibreOffice (soffice)")] {
        let said = admin.upload(&media, "image/tiff", bytes).await.expect(501);
        assert!(said["detail"].to_string().contains(missing), "{said}");
    }
    admin
        .upload(&media, "image/png", PNG)
        .await
        .id("document_id");
    fs::remove_dir_all(bare).unwrap();
}
