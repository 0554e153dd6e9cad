//! The progress of a campaign as a stream of server-sent events.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{
    Campaigning, Client, Server, TIMEOUT, USER_PASSWORD, eventually, seconds, unique_name,
};

/// A server-sent event.
#[derive(Debug, Clone, PartialEq)]
struct Heard {
    id: String,
    kind: String,
    data: Value,
}

/// A stream of server-sent events.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    /// Follows a campaign, from after the event with this id.
    async fn open(client: &Client, id: i64, last: Option<&str>) -> Self {
        let mut request = client.request("GET", &format!("/campaigns/{id}/progress"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event; none at the end of the stream.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                };
                if let Some(data) = field("data") {
                    return Some(Heard {
                        id: field("id").expect("an id").to_owned(),
                        kind: field("event").expect("a kind").to_owned(),
                        data: serde_json::from_str(data).unwrap(),
                    });
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The remaining events until the end of the stream.
    async fn rest(mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }
}

fn ids(events: &[Heard]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[tokio::test]
async fn who_follows_hears_how_far_it_is_and_its_end() {
    let campaigns = Campaigning::new(&Server::shared().await.user(&["user"]).await).await;
    let group = campaigns.group(30).await;
    let id = campaigns.campaign(group, json!({"cpm": 10})).await;
    let stream = Stream::open(&campaigns.client, id, None).await;
    campaigns.put(id, "start").await.ok();
    let heard = stream.rest().await;
    assert!(heard.len() >= 3, "{heard:?}");
    let (end, before) = heard.split_last().unwrap();
    assert_eq!(end.kind, "end");
    assert!(
        before.iter().all(|event| event.kind == "progress"),
        "{before:?}"
    );
    let mut once = ids(&heard);
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), heard.len(), "{:?}", ids(&heard));
    let done = heard
        .iter()
        .map(|event| event.data["contact_done"].as_i64().unwrap());
    let done: Vec<i64> = done.collect();
    assert!(
        done.is_sorted() && done[0] < 30 && done.last() == Some(&30),
        "{done:?}"
    );
    let mut read = campaigns.read(id).await;
    let mut told = end.data.clone();
    // The rate still changes after the end.
    for campaign in [&mut read, &mut told] {
        campaign.as_object_mut().unwrap().remove("rate");
    }
    assert_eq!(told, read);

    let path = format!("/campaigns/{id}/progress");
    let request = campaigns.client.request("GET", &path);
    let over = request.header("last-event-id", end.id.as_str());
    let over = campaigns.client.send(over).await;
    assert_eq!((over.status, over.text().as_str()), (204, ""));
    // A late client gets only the final event.
    let late = Stream::open(&campaigns.client, id, None).await.rest().await;
    assert_eq!(ids(&late), [&end.id]);
    assert_eq!(late[0].kind, "end");
}

#[tokio::test]
async fn who_comes_back_hears_nothing_twice() {
    let campaigns = Campaigning::new(&Server::shared().await.user(&["user"]).await).await;
    let group = campaigns.group(40).await;
    let id = campaigns.running(group, json!({"cpm": 1})).await;
    let mut stream = Stream::open(&campaigns.client, id, None).await;
    let first = [stream.next().await.unwrap(), stream.next().await.unwrap()];
    drop(stream);
    let again = Stream::open(&campaigns.client, id, Some(&first[1].id)).await;
    let faster = json!({"cpm": 100});
    let path = format!("/campaigns/{id}");
    campaigns.client.put(&path, faster).await.ok();
    let rest = again.rest().await;
    assert_eq!(rest.last().unwrap().kind, "end");
    let twice: Vec<_> = ids(&rest)
        .into_iter()
        .filter(|id| ids(&first).contains(id))
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
    let done = |event: &Heard| event.data["contact_done"].as_i64().unwrap();
    assert!(done(&rest[0]) >= done(&first[1]));
}

#[tokio::test]
async fn while_nothing_happens_nothing_is_heard() {
    let campaigns = Campaigning::new(&Server::shared().await.user(&["user"]).await).await;
    let group = campaigns.group(2).await;
    let id = campaigns.campaign(group, json!({})).await;
    let mut stream = Stream::open(&campaigns.client, id, None).await;
    let first = stream.next().await.unwrap();
    assert_eq!(
        (first.kind.as_str(), &first.data["status"]),
        ("progress", &json!("new"))
    );
    let mut again = Stream::open(&campaigns.client, id, Some(&first.id)).await;
    for stream in [&mut stream, &mut again] {
        let silence = tokio::time::timeout(seconds(2), stream.next()).await;
        assert!(silence.is_err(), "{silence:?}");
    }
    campaigns.put(id, "start").await.ok();
    let next = again.next().await.unwrap();
    assert_ne!(next.id, first.id);
    assert_ne!(next.data["status"], "new");
}

#[tokio::test]
async fn the_stream_ends_with_the_token_and_with_the_campaign() {
    let server = Server::shared().await;
    let name = unique_name("follower");
    let first = server.named_user(&name, &["user"]).await;
    let second = server.stranger().login(&name, USER_PASSWORD).await;
    let campaigns = Campaigning::new(&first).await;
    let group = campaigns.group(2).await;
    let id = campaigns.campaign(group, json!({})).await;
    let (mut mine, mut others) = (
        Stream::open(&first, id, None).await,
        Stream::open(&second, id, None).await,
    );
    mine.next().await.unwrap();
    others.next().await.unwrap();
    second.post("/authenticate/cancel", json!({})).await.ok();
    let end = tokio::time::timeout(TIMEOUT, others.next()).await;
    assert_eq!(end.expect("the end of the stream"), None);
    let goes_on = tokio::time::timeout(seconds(1), mine.next()).await;
    assert!(goes_on.is_err(), "{goes_on:?}");
    first.delete(&format!("/campaigns/{id}")).await.ok();
    let end = tokio::time::timeout(TIMEOUT, mine.next()).await;
    assert_eq!(end.expect("the end of the stream"), None);
}

#[tokio::test]
async fn nobody_follows_what_is_anothers() {
    let server = Server::shared().await;
    let campaigns = Campaigning::new(&server.user(&["user"]).await).await;
    let mallory = server.user(&["user"]).await;
    let group = campaigns.group(1).await;
    let id = campaigns.campaign(group, json!({})).await;
    for path in ["progress", "report.csv"] {
        let path = format!("/campaigns/{id}/{path}");
        assert_eq!(mallory.get(&path).await.status, 404, "{path}");
        assert_eq!(server.stranger().get(&path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn the_command_draws_it_and_ends_with_it() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(20).await;
    let id = campaigns.running(group, json!({"cpm": 0.001})).await;
    let watch = |id: i64| {
        let mut command = server.command(&["campaign", "watch", &id.to_string()]);
        command.env("LEDGERLINE_URL", &server.url);
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
        piped.spawn().unwrap()
    };
    let (mut watching, missing) = (watch(id), watch(999_999));
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let (first, lines) = tokio::task::spawn_blocking(move || (lines.next(), lines))
        .await
        .unwrap();
    // The stream shows that the campaign runs, which may end now.
    let path = format!("/campaigns/{id}");
    campaigns.client.put(&path, json!({"cpm": 10})).await.ok();
    let ended = tokio::task::spawn_blocking(move || {
        let lines: Vec<String> = first.into_iter().chain(lines).map(Result::unwrap).collect();
        (watching.wait().unwrap(), lines)
    });
    let (ended, lines) = ended.await.unwrap();
    let out = lines.join("\n");
    assert_eq!(ended.code(), Some(0), "{out}");
    assert!(lines.len() >= 2, "{out}");
    assert!(lines[0].contains("/20 running"), "{out}");
    let last = &lines[lines.len() - 1];
    assert!(
        last.contains("20/20 completed") && last.contains("delivered 20"),
        "{out}"
    );
    let missing = tokio::task::spawn_blocking(move || missing.wait_with_output());
    let missing = missing.await.unwrap().unwrap();
    assert!(!missing.status.success());
}

#[tokio::test]
async fn a_server_that_stops_lets_its_followers_go() {
    let mut server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(2).await;
    let id = campaigns.campaign(group, json!({})).await;
    let mut stream = Stream::open(&campaigns.client, id, None).await;
    stream.next().await.unwrap();
    assert!(server.sigterm(seconds(10)).success());
    let end = tokio::time::timeout(TIMEOUT, stream.next()).await;
    assert_eq!(end.expect("the end of the stream"), None);
    server.start().await;
    eventually("it can be followed again", seconds(10), async || {
        let mut stream = Stream::open(&campaigns.client, id, None).await;
        let next = tokio::time::timeout(TIMEOUT, stream.next());
        next.await.ok().flatten()
    })
    .await;
}
