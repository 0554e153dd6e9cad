//! Ownership: the aggregates of one user do not exist for another.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Mailing, Server};

/// An aggregate of each kind that a user can own, and an attempt.
struct Belongings {
    owner: Client,
    contact: i64,
    mailing: Mailing,
    transmission: i64,
    spool: i64,
    account: i64,
    group: i64,
}

async fn belongings(server: &Server) -> Belongings {
    let owner = server.user(&["user"]).await;
    let mailing = Mailing::new(&owner).await;
    let media = format!("/messages/templates/{}/media", mailing.template_id);
    owner
        .upload(&media, "text/plain", *b"private words")
        .await
        .id("template_id");
    let contact = owner.contact("owned@example.com").await;
    let transmission = mailing.to(contact).await;
    let spool = mailing.send(transmission).await;
    mailing.ended(transmission).await;
    let accounts = owner.get("/accounts").await.ok();
    let account = accounts[0]["account_id"]
        .as_i64()
        .expect("an account of one's own");
    let group = owner.post("/groups", json!({"name": "Friends"})).await;
    let group = group.id("group_id");
    let link = format!("/contacts/{contact}/link/{group}");
    owner.put(&link, json!({})).await.ok();
    Belongings {
        owner,
        group,
        contact,
        mailing,
        transmission,
        spool,
        account,
    }
}

impl Belongings {
    fn paths(&self) -> Vec<(&'static str, String)> {
        let (template, program) = (self.mailing.template_id, self.mailing.program_id);
        let transmission = self.transmission;
        vec![
            ("GET", format!("/contacts/{}", self.contact)),
            ("PUT", format!("/contacts/{}", self.contact)),
            ("DELETE", format!("/contacts/{}", self.contact)),
            ("GET", format!("/contacts/{}/delete", self.contact)),
            ("GET", format!("/groups/{}", self.group)),
            ("PUT", format!("/groups/{}", self.group)),
            ("DELETE", format!("/groups/{}", self.group)),
            ("GET", format!("/groups/{}/delete", self.group)),
            ("GET", format!("/groups/{}/contacts", self.group)),
            ("GET", format!("/groups/{}/csv", self.group)),
            ("POST", format!("/groups/{}/csv", self.group)),
            ("GET", format!("/messages/templates/{template}")),
            ("PUT", format!("/messages/templates/{template}")),
            ("DELETE", format!("/messages/templates/{template}")),
            ("GET", format!("/messages/templates/{template}/media")),
            ("GET", format!("/messages/templates/{template}/download")),
            ("GET", format!("/programs/{program}")),
            ("DELETE", format!("/programs/{program}")),
            ("GET", format!("/programs/{program}/transmissions")),
            ("GET", format!("/transmissions/{transmission}")),
            ("DELETE", format!("/transmissions/{transmission}")),
            ("POST", format!("/transmissions/{transmission}/send")),
            ("GET", format!("/transmissions/{transmission}/send")),
            ("POST", format!("/transmissions/{transmission}/retry")),
            ("GET", format!("/transmissions/{transmission}/clone")),
            ("GET", format!("/transmissions/{transmission}/status")),
            ("GET", format!("/transmissions/{transmission}/detail")),
            ("GET", format!("/transmissions/{transmission}/result")),
            ("GET", format!("/spools/{}/status", self.spool)),
            ("GET", format!("/spools/{}/result", self.spool)),
            ("GET", format!("/accounts/{}", self.account)),
            ("PUT", format!("/accounts/{}", self.account)),
            (
                "PUT",
                format!("/accounts/{}/settings/signature", self.account),
            ),
            ("GET", format!("/users/{}", self.owner.user_id)),
        ]
    }
}

async fn ask(client: &Client, method: &str, path: &str) -> Answer {
    let request = client.request(method, path);
    let body = json!({"first_name": "Mallory", "name": "taken", "value": "x"});
    client
        .send(if method == "GET" {
            request
        } else {
            request.json(&body)
        })
        .await
}

fn without_request_id(answer: &Answer) -> Value {
    let mut body = answer.json();
    body.as_object_mut().map(|body| body.remove("instance"));
    body
}

#[tokio::test]
async fn a_stranger_cannot_tell_what_exists_from_what_does_not() {
    let server = Server::shared().await;
    let theirs = belongings(server).await;
    let mallory = server.user(&["user"]).await;
    for (method, path) in theirs.paths() {
        let number = path
            .split('/')
            .find(|part| part.parse::<i64>().is_ok())
            .unwrap();
        let nowhere = path.replacen(&format!("/{number}"), "/999999998", 1);
        let (there, nowhere) = (
            ask(&mallory, method, &path).await,
            ask(&mallory, method, &nowhere).await,
        );
        assert_eq!(there.status, 404, "{method} {path}: {}", there.text());
        assert_eq!(
            without_request_id(&there),
            without_request_id(&nowhere),
            "{method} {path}"
        );
    }
    for (method, path) in theirs
        .paths()
        .into_iter()
        .filter(|(method, _)| *method == "GET")
    {
        if ["delete", "send", "clone"]
            .iter()
            .all(|end| !path.ends_with(end))
        {
            assert_eq!(
                ask(&theirs.owner, method, &path).await.status,
                200,
                "{path} is still there"
            );
        }
    }
}

#[tokio::test]
async fn an_upload_to_another_users_template_is_404() {
    let server = Server::shared().await;
    let theirs = belongings(server).await;
    let mallory = server.user(&["user"]).await;
    let media = format!("/messages/templates/{}/media", theirs.mailing.template_id);
    assert_eq!(
        mallory
            .upload(&media, "text/plain", *b"mine now")
            .await
            .status,
        404
    );
    assert_eq!(theirs.owner.get(&media).await.body, b"private words");
}

#[tokio::test]
async fn lists_hold_ones_own_only() {
    let server = Server::shared().await;
    let theirs = belongings(server).await;
    let mallory = server.user(&["user"]).await;
    for path in [
        "/contacts",
        "/groups",
        "/messages/templates",
        "/programs",
        "/transmissions",
    ] {
        assert_eq!(mallory.get(path).await.ok(), json!([]), "{path}");
        let own = theirs.owner.get(path).await.ok();
        assert_eq!(own.as_array().unwrap().len(), 1, "{path}");
    }
    assert_eq!(
        mallory.get("/programs/sendemail/transmissions").await.ok(),
        json!([])
    );
    let filter = format!("/contacts?user_id={}", theirs.owner.user_id);
    let filtered = mallory.get(&filter).await;
    assert!(
        filtered.status == 412 || filtered.json() == json!([]),
        "{}",
        filtered.text()
    );
}

#[tokio::test]
async fn anothers_things_cannot_be_built_upon() {
    let server = Server::shared().await;
    let theirs = belongings(server).await;
    let mallory = server.user(&["user"]).await;
    let mine = Mailing::new(&mallory).await;
    let contact = mallory.contact("mallory@example.com").await;
    let (template, program) = (theirs.mailing.template_id, theirs.mailing.program_id);
    for (path, mut body, field) in [
        (
            "/programs/sendemail".to_owned(),
            json!({"template_id": template}),
            "template_id",
        ),
        (
            "/transmissions".to_owned(),
            json!({"program_id": program, "contact_id": contact}),
            "program_id",
        ),
        (
            "/transmissions".to_owned(),
            json!({"program_id": mine.program_id, "contact_id": theirs.contact}),
            "contact_id",
        ),
        (
            "/transmissions".to_owned(),
            json!({"program_id": mine.program_id, "contact_id": contact, "account_id": theirs.account}),
            "account_id",
        ),
        (
            format!("/programs/{}/transmissions", mine.program_id),
            json!({"contact_id": theirs.contact}),
            "contact_id",
        ),
    ] {
        body["title"] = json!("mine");
        let taken = mallory.post(&path, body.clone()).await;
        body[field] = json!(999_999_998);
        let nowhere = mallory.post(&path, body).await;
        assert!(
            [404, 412].contains(&taken.status),
            "{path} {field}: {}",
            taken.text()
        );
        assert_eq!(
            without_request_id(&taken),
            without_request_id(&nowhere),
            "{path} {field}"
        );
    }
    assert_eq!(mallory.get("/transmissions").await.ok(), json!([]));
}

#[tokio::test]
async fn the_sandbox_shows_everybody_their_own_mails() {
    let server = Server::shared().await;
    let theirs = belongings(server).await;
    let mallory = server.user(&["user"]).await;
    assert_eq!(mallory.get("/sandbox/outbox").await.ok(), json!([]));
    let own = theirs.owner.get("/sandbox/outbox").await.ok();
    assert_eq!(own.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_admin_sees_everybodys() {
    let server = Server::shared().await;
    let theirs = belongings(server).await;
    let admin = server.admin().await;
    for (method, path) in theirs
        .paths()
        .into_iter()
        .filter(|(method, _)| *method == "GET")
    {
        if ["delete", "send", "clone"]
            .iter()
            .all(|end| !path.ends_with(end))
        {
            assert_eq!(ask(&admin, method, &path).await.status, 200, "{path}");
        }
    }
}
