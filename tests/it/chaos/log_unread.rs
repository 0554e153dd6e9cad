//! Log output that nothing reads, and output whose reader closes early.

use std::{
    fs::File,
    io::{PipeReader, Read, pipe},
    process::{Output, Stdio},
    thread,
};

use crate::harness::{Client, Database, Server, Setup, eventually, seconds};

const DROPPED: &str = "ledgerline_log_lines_dropped_total ";

/// A server with its standard error in a pipe, and the reader of the pipe.
async fn piped() -> (Server, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    let setup = Setup::on(&Database::create().await).stderr(writer);
    (setup.start().await, reader)
}

async fn dropped(client: &Client) -> u64 {
    let metrics = client.get("/metrics").await.text();
    let line = metrics.lines().find_map(|it| it.strip_prefix(DROPPED));
    line.expect("the metric is there").parse().unwrap()
}

/// Makes the server log more than the pipe and its own queue hold.
async fn flood(client: &Client) -> u64 {
    let long = format!("/{}", "x".repeat(30_000));
    eventually("lines are dropped", seconds(120), async || {
        client.get(&long).await.expect(404);
        Some(dropped(client).await).filter(|dropped| *dropped > 0)
    })
    .await
}

#[tokio::test]
async fn a_full_pipe_of_the_log_stops_no_request_and_no_sigterm() {
    let (mut server, _unread) = piped().await;
    let client = server.stranger();
    assert_eq!(dropped(&client).await, 0);
    flood(&client).await;
    client.get("/healthz").await.ok();
    server.admin().await.contact("log@example.com").await;
    assert!(server.sigterm(seconds(10)).success());
}

#[tokio::test]
async fn the_log_says_how_many_lines_were_dropped() {
    let (mut server, mut reader) = piped().await;
    let read = flood(&server.stranger()).await;
    let reading = thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).map(|_| log).unwrap()
    });
    assert!(server.sigterm(seconds(10)).success());
    let log = reading.join().unwrap();
    let said = log
        .lines()
        .filter(|line| line.contains("lines dropped"))
        .filter_map(|line| line.split(" lines dropped").next()?.rsplit(' ').next());
    let said: u64 = said.map(|lines| lines.parse::<u64>().unwrap()).sum();
    assert!(said >= read, "{said} of {read}");
}

#[tokio::test]
async fn a_log_without_a_reader_does_not_stop_the_server() {
    let (mut server, reader) = piped().await;
    drop(reader);
    let client = server.stranger();
    eventually("lines are dropped", seconds(60), async || {
        client.get("/healthz").await.ok();
        (dropped(&client).await > 0).then_some(())
    })
    .await;
    server.admin().await.contact("log@example.com").await;
    assert!(server.sigterm(seconds(10)).success());
}

/// Output to a pipe without a reader.
fn unread() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    Stdio::from(writer)
}

#[track_caller]
fn assert_quiet(ended: &Output) {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((ended.status.code(), said.as_ref()), (Some(141), ""));
}

#[tokio::test]
async fn a_command_whose_output_is_not_read_ends_quietly() {
    let server = Server::alone().await;
    server.admin().await.contact("pipe@example.com").await;
    for arguments in [&["openapi"][..], &["events"], &["rebuild", "contacts"]] {
        let mut command = server.command(arguments);
        command.env("LEDGERLINE_LOG", "off").stdout(unread());
        let ended = command.stderr(Stdio::piped()).spawn();
        assert_quiet(&ended.unwrap().wait_with_output().unwrap());
    }
}

#[tokio::test]
async fn a_failure_is_told_by_the_code_where_nobody_reads_words() {
    let server = Server::shared().await;
    let mut command = server.command(&["rebuild", "no-such-model"]);
    let status = command.stdout(unread()).stderr(unread()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = server.command(&["openapi"]);
    assert_eq!(command.stdout(full).status().unwrap().code(), Some(1));
}
