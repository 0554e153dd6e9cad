//! `/messages/texts`: the content of outbound SMS.

use serde_json::{Value, json};

use crate::harness::{Client, Server};

async fn text(user: &Client, body: Value) -> i64 {
    user.post("/messages/texts", body).await.id("text_id")
}

async fn read(user: &Client, id: i64) -> Value {
    user.get(&format!("/messages/texts/{id}")).await.ok()
}

#[tokio::test]
async fn a_text_reads_as_it_was_written_and_says_what_it_takes() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"name": "reminder", "data": "Hi [contact:first_name]", "description": "d"});
    let id = text(&user, body).await;
    let expected = json!({
        "text_id": id, "name": "reminder", "data": "Hi [contact:first_name]", "description": "d",
        // The brackets are in the extension table of the alphabet, and count twice.
        "type": "plain", "encoding": 0, "class": 0, "length": 25, "parts": 1,
        "user_id": user.user_id,
    });
    assert_eq!(read(&user, id).await, expected);
}

#[tokio::test]
async fn encoding_and_parts_follow_the_letters() {
    let user = Server::shared().await.user(&["user"]).await;
    let plain = |data: String| json!({"name": "t", "data": data});
    for (data, kind, encoding, length, parts) in [
        ("a".repeat(160), "plain", 0, 160, 1),
        ("a".repeat(161), "plain", 0, 161, 2),
        ("€".repeat(81), "plain", 0, 162, 2),
        ("ж".repeat(70), "unicode", 2, 70, 1),
        ("😀".repeat(36), "unicode", 2, 72, 2),
    ] {
        let id = text(&user, plain(data)).await;
        let row = read(&user, id).await;
        let measured = ["type", "encoding", "length", "parts"].map(|field| row[field].clone());
        assert_eq!(json!(measured), json!([kind, encoding, length, parts]));
    }
}

#[tokio::test]
async fn an_update_is_measured_anew() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = text(&user, json!({"name": "t", "data": "hello"})).await;
    let path = format!("/messages/texts/{id}");
    let row = user.put(&path, json!({"data": "привет"})).await.ok();
    assert_eq!(
        (&row["type"], &row["encoding"], &row["length"]),
        (&json!("unicode"), &json!(2), &json!(6))
    );
    let row = user
        .put(&path, json!({"data": "hello", "class": "8"}))
        .await;
    let row = row.ok();
    assert_eq!((&row["encoding"], &row["class"]), (&json!(0), &json!(8)));
    assert_eq!(
        user.put(&path, json!({"class": null})).await.ok()["class"],
        0
    );
}

#[tokio::test]
async fn what_the_client_asks_for_is_kept_or_refused() {
    let user = Server::shared().await.user(&["user"]).await;
    let ask = |fields: Value| {
        let mut body = json!({"name": "t", "data": "hello"});
        let body_fields = body.as_object_mut().unwrap();
        body_fields.extend(fields.as_object().unwrap().clone());
        body
    };
    for (fields, encoding) in [
        (json!({"type": "unicode"}), 2),
        (json!({"type": "Unicode", "encoding": 2}), 2),
        (json!({"encoding": "2"}), 2),
        (json!({"type": "plain"}), 0),
        (json!({"type": "utf-8"}), 0),
        (json!({"type": "", "encoding": null}), 0),
        (json!({"type": "binary", "data": "00 ff"}), 1),
    ] {
        let id = text(&user, ask(fields.clone())).await;
        assert_eq!(read(&user, id).await["encoding"], encoding, "{fields}");
    }
    for (fields, field) in [
        (json!({"type": "plain", "data": "привет"}), "data"),
        (json!({"encoding": 0, "data": "привет"}), "data"),
        (json!({"encoding": 1, "data": "xyz"}), "data"),
        (json!({"type": "plain", "encoding": 2}), "encoding"),
        (json!({"encoding": 3}), "encoding"),
        (json!({"type": "ebcdic"}), "type"),
        (json!({"type": 7}), "type"),
        (json!({"class": 3}), "class"),
        (json!({"class": "flash"}), "class"),
        (json!({"data": null}), "data"),
        (json!({"data": " "}), "data"),
        (json!({"data": 7}), "data"),
        (json!({"data": "a".repeat(255 * 153 + 1)}), "data"),
        (json!({"data": "a".repeat(2_000_000)}), "data"),
        (json!({"name": null}), "name"),
    ] {
        let answer = user.post("/messages/texts", ask(fields.clone())).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (412, vec![field.to_owned()]),
            "{fields}"
        );
    }
}

#[tokio::test]
async fn texts_are_filtered_as_documented() {
    let user = Server::shared().await.user(&["user"]).await;
    let hello = text(
        &user,
        json!({"name": "Hello", "data": "one 50%", "description": "x"}),
    )
    .await;
    let other = text(&user, json!({"name": "Other", "data": "привет"})).await;
    for (query, expected) in [
        ("name=ell".to_owned(), vec![hello]),
        ("data=50%25".to_owned(), vec![hello]),
        ("data=%25".to_owned(), vec![hello]),
        ("type=unicode".to_owned(), vec![other]),
        ("type=Plain".to_owned(), vec![hello]),
        ("description=X".to_owned(), vec![hello]),
        (format!("text_id={other}"), vec![other]),
        ("sort=-name".to_owned(), vec![other, hello]),
        ("name='%22--".to_owned(), vec![]),
    ] {
        let rows = user.get(&format!("/messages/texts?{query}")).await.ok();
        let ids: Vec<i64> = rows
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row["text_id"].as_i64())
            .collect();
        assert_eq!(ids, expected, "{query}");
    }
    let refused = user.get("/messages/texts?colour=red").await;
    assert_eq!(
        (refused.status, refused.fields()),
        (412, vec!["colour".to_owned()])
    );
}

#[tokio::test]
async fn a_text_of_one_user_is_not_there_for_another() {
    let server = Server::shared().await;
    let (owner, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let id = text(&owner, json!({"name": "mine", "data": "private"})).await;
    for root in ["/messages/texts", "/texts"] {
        let path = format!("{root}/{id}");
        assert_eq!(other.get(&path).await.status, 404);
        assert_eq!(other.put(&path, json!({"data": "x"})).await.status, 404);
        assert_eq!(other.delete(&path).await.status, 404);
        assert_eq!(other.get(&format!("{path}/delete")).await.status, 404);
        assert_eq!(other.get(root).await.ok(), json!([]));
        let counted = other.get(&format!("{root}?limit=1")).await;
        assert_eq!(counted.header("x-total-count"), Some("0"));
        let asked = other
            .get(&format!("{root}?user_id={}", owner.user_id))
            .await;
        assert_eq!(asked.ok(), json!([]));
    }
    assert_eq!(read(&owner, id).await["data"], "private");
    let admin = server.admin().await;
    assert_eq!(
        admin.get(&format!("/texts/{id}")).await.ok()["data"],
        "private"
    );
}

#[tokio::test]
async fn the_short_spelling_does_the_same() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = user
        .post("/texts", json!({"name": "t", "data": "a"}))
        .await
        .id("text_id");
    let path = format!("/texts/{id}");
    let row = user.put(&path, json!({"data": "b"})).await;
    assert_eq!(row.ok(), read(&user, id).await);
    assert_eq!(
        user.get("/texts").await.ok(),
        user.get("/messages/texts").await.ok()
    );
    assert_eq!(user.delete(&path).await.ok(), json!({"text_id": id}));
    assert_eq!(user.get(&format!("/messages/texts/{id}")).await.status, 404);
}
