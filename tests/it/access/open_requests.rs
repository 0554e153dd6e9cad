//! Requests whose body is still coming in when the rights of their user end.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{
    Client, Company, Mailing, Server, USER_PASSWORD, eventually, seconds, unique_name,
};

/// A request whose headers were accepted and whose body the server waits for.
struct Open(TcpStream);

impl Open {
    async fn begin(client: &Client, method: &str, path: &str, kind: &str) -> Self {
        let credential = format!("Bearer {}", client.token());
        Self::begin_as(client, &credential, (method, path, kind)).await
    }

    async fn begin_as(client: &Client, credential: &str, asked: (&str, &str, &str)) -> Self {
        let (method, path, kind) = asked;
        let address = client.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {credential}\r\n\
             Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let read = stream.read_buf(&mut answer).await.unwrap();
            assert!(read > 0, "closed");
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
        Self(stream)
    }

    async fn send(&mut self, chunk: &str) {
        let framed = format!("{:x}\r\n{chunk}\r\n", chunk.len());
        self.0.write_all(framed.as_bytes()).await.unwrap();
    }

    /// Ends the body; the status and the body of the response.
    async fn end(mut self) -> (u16, Value) {
        // A server that has answered already may have closed the connection.
        let _ = self.0.write_all(b"0\r\n\r\n").await;
        let mut answer = Vec::new();
        let _ = self.0.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).expect("a status").parse().unwrap();
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        (status, serde_json::from_str(body).unwrap())
    }
}

async fn is_user(server: &Server, name: &str) -> bool {
    let path = format!("/users?username={name}");
    let users = server.admin().await.get(&path).await.ok();
    !users.as_array().unwrap().is_empty()
}

/// A way in which the rights of a user end.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Deactivated,
    Deleted,
    PasswordChanged,
    RoleTaken,
    LoggedOut,
}

impl Ending {
    async fn of(self, server: &Server, user: &Client, role: &str) {
        let (admin, id) = (server.admin().await, user.user_id);
        let user_path = format!("/users/{id}");
        let answer = match self {
            Self::Deactivated => admin.put(&user_path, json!({"active": 0})).await,
            Self::Deleted => admin.delete(&user_path).await,
            Self::PasswordChanged => {
                let password = json!({"password": "another-9-long-one"});
                admin.put(&format!("{user_path}/password"), password).await
            }
            Self::RoleTaken => {
                let role = server.role_id(role).await;
                admin.delete(&format!("{user_path}/roles/{role}")).await
            }
            Self::LoggedOut => user.post("/authenticate/cancel", json!({})).await,
        };
        answer.ok();
    }
}

#[tokio::test]
async fn a_write_whose_body_ends_after_the_rights_of_its_user_does_nothing() {
    let server = Server::shared().await;
    for (ending, expected) in [
        (Ending::Deactivated, 401),
        (Ending::Deleted, 401),
        (Ending::PasswordChanged, 401),
        (Ending::LoggedOut, 401),
        (Ending::RoleTaken, 403),
    ] {
        let user = server.user(&["admin"]).await;
        let name = unique_name("late");
        let mut open = Open::begin(&user, "POST", "/users", "application/json").await;
        open.send(&format!("{{\"username\": \"{name}\", ")).await;
        ending.of(server, &user, "admin").await;
        open.send(&format!(
            "\"passwd\": \"{USER_PASSWORD}\", \"role\": \"admin\", \"active\": 1}}"
        ))
        .await;
        let (status, said) = open.end().await;
        assert_eq!(status, expected, "{ending:?}: {said}");
        assert!(!is_user(server, &name).await, "{ending:?}");
    }
}

#[tokio::test]
async fn a_password_that_was_changed_ends_what_was_begun_with_it() {
    let server = Server::shared().await;
    let login = unique_name("basic");
    let user = server.named_user(&login, &["user"]).await;
    let basic = STANDARD.encode(format!("{login}:{USER_PASSWORD}"));
    let asked = ("POST", "/contacts", "application/json");
    let mut open = Open::begin_as(&user, &format!("Basic {basic}"), asked).await;
    Ending::PasswordChanged.of(server, &user, "user").await;
    open.send("{\"phone\": \"15550177\"}").await;
    assert_eq!(open.end().await.0, 401);
    let admin = server.admin().await;
    let theirs = format!("/contacts?user_id={}", user.user_id);
    assert_eq!(admin.get(&theirs).await.ok(), json!([]));
}

#[tokio::test]
async fn an_import_of_users_ends_with_the_rights_of_its_user_and_says_what_it_did() {
    let server = Server::shared().await;
    for (ending, expected) in [
        (Ending::Deactivated, 401),
        (Ending::Deleted, 401),
        (Ending::PasswordChanged, 401),
        (Ending::RoleTaken, 403),
    ] {
        let user = server.user(&["admin"]).await;
        let (first, second) = (unique_name("first"), unique_name("second"));
        let mut open = Open::begin(&user, "POST", "/users/csv", "text/csv").await;
        open.send("username,passwd,role,active\n").await;
        open.send(&format!("{first},{USER_PASSWORD},,1\n")).await;
        // The end of the line is read with the next one.
        open.send("\n").await;
        eventually("the first row is imported", seconds(60), async || {
            is_user(server, &first).await.then_some(())
        })
        .await;
        ending.of(server, &user, "admin").await;
        open.send(&format!("{second},{USER_PASSWORD},admin,1\n"))
            .await;
        let (status, said) = open.end().await;
        assert_eq!(status, expected, "{ending:?}: {said}");
        assert_eq!(
            (&said["created"], &said["rejected"]),
            (&json!(1), &json!(0))
        );
        assert!(!is_user(server, &second).await, "{ending:?}");
    }
}

/// Lines of a file, as many as two batches of an import and a little.
fn numbers(prefix: &str) -> String {
    let lines = (0..600).map(|number| format!("+1{prefix}{number:05}\n"));
    lines.collect()
}

async fn count(client: &Client, path: &str) -> usize {
    client.get(path).await.ok().as_array().unwrap().len()
}

#[tokio::test]
async fn an_import_of_contacts_or_opt_outs_ends_with_the_rights_of_its_user() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    for (ending, expected) in [(Ending::Deactivated, 401), (Ending::RoleTaken, 403)] {
        let user = server.user(&["user"]).await;
        let group = user.post("/groups", json!({"name": "list"})).await;
        let into = format!("/groups/{}/csv", group.id("group_id"));
        for (path, kind) in [(into.as_str(), "contacts"), ("/optouts/csv", "optouts")] {
            let user = match kind {
                "contacts" => user.clone(),
                _ => server.user(&["user"]).await,
            };
            let theirs = format!("/{kind}?user_id={}", user.user_id);
            let mut open = Open::begin(&user, "POST", path, "text/csv").await;
            open.send(&numbers("555")).await;
            eventually("a batch is imported", seconds(60), async || {
                (count(&admin, &theirs).await > 0).then_some(())
            })
            .await;
            ending.of(server, &user, "user").await;
            open.send(&numbers("666")).await;
            let (status, said) = open.end().await;
            assert_eq!(status, expected, "{ending:?} {kind}: {said}");
            assert_eq!(said["created"], 500, "{ending:?} {kind}: {said}");
            assert_eq!(count(&admin, &theirs).await, 500, "{ending:?} {kind}");
        }
    }
}

#[tokio::test]
async fn an_import_into_a_tenant_ends_when_its_user_is_taken_out_of_it() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let (operator, user) = (server.admin().await, one.user(&server).await);
    let role = server.role_id("user").await;
    let within = format!("/users/{}/tenants/{}", user.user_id, other.tenant_id);
    operator.put(&within, json!({})).await.ok();
    let given = format!(
        "/users/{}/roles/{role}?tenant_id={}",
        user.user_id, other.tenant_id
    );
    operator.put(&given, json!({})).await.ok();
    let group = json!({"name": "list", "tenant_id": other.tenant_id});
    let group = user.post("/groups", group).await.id("group_id");
    let path = format!("/groups/{group}/csv");
    let mut open = Open::begin(&user, "POST", &path, "text/csv").await;
    open.send(&numbers("555")).await;
    eventually("a batch is imported", seconds(60), async || {
        (count(&other.admin, "/contacts").await > 0).then_some(())
    })
    .await;
    operator.delete(&within).await.ok();
    open.send(&numbers("666")).await;
    let (status, said) = open.end().await;
    assert_eq!((status, &said["created"]), (403, &json!(500)), "{said}");
    assert_eq!(count(&other.admin, "/contacts").await, 500);
}

#[tokio::test]
async fn an_upload_that_ends_after_the_deactivation_of_its_user_is_not_kept() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/messages/templates/{template}/media");
    let mut open = Open::begin(&user, "PUT", &path, "text/html").await;
    open.send("<p>hello").await;
    Ending::Deactivated.of(server, &user, "user").await;
    open.send(" world</p>").await;
    assert_eq!(open.end().await.0, 401);
    assert_eq!(server.admin().await.get(&path).await.status, 404);
}
