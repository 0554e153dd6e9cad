//! `/messages/templates` and their attachments.

use serde_json::json;

use crate::harness::{Mailing, Server};

#[tokio::test]
async fn a_template_reads_as_it_was_written() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({
        "name": "welcome", "subject": "Hi", "body": "<p>ü</p>", "body_alt": "ü", "description": "d",
    });
    let id = user
        .post("/messages/templates", body.clone())
        .await
        .id("template_id");
    let read = user.get(&format!("/messages/templates/{id}")).await.ok();
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&read[field], value, "{field}");
    }
    assert_eq!(
        (&read["template_id"], &read["user_id"]),
        (&json!(id), &json!(user.user_id))
    );
}

#[tokio::test]
async fn an_attachment_of_megabytes_comes_back_byte_for_byte() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/messages/templates/{template}/media");
    let bytes: Vec<u8> = (0..5_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let answer = user.upload(&path, "application/pdf", bytes.clone()).await;
    assert_eq!(answer.ok(), json!({"template_id": template}));
    let media = user.get(&path).await;
    assert_eq!(media.header("content-type"), Some("application/pdf"));
    assert!(
        media
            .header("content-disposition")
            .unwrap_or_default()
            .starts_with("attachment")
    );
    assert!(media.body == bytes, "{} bytes came back", media.body.len());
}

#[tokio::test]
async fn a_second_upload_replaces_the_first() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/messages/templates/{template}/media");
    user.upload(&path, "text/plain", *b"one").await.ok();
    user.upload(&path, "text/plain", *b"two").await.ok();
    assert_eq!(user.get(&path).await.body, b"two");
}

#[tokio::test]
async fn a_posted_file_is_attached_beside_those_there_are() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/messages/templates/{template}/media");
    for name in ["one.txt", "two.txt"] {
        let request = user
            .request("POST", &path)
            .header("content-type", "text/plain")
            .header(
                "content-disposition",
                format!("attachment; filename={name}"),
            )
            .body(name.as_bytes().to_vec());
        assert_eq!(
            user.send(request).await.ok(),
            json!({"template_id": template})
        );
    }
    let row = user.get(&format!("/messages/templates/{template}")).await;
    let row = row.ok();
    let names = row["attachments"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|one| one["file_name"].clone()).collect();
    assert_eq!(
        (json!(names), &row["length"]),
        (json!(["one.txt", "two.txt"]), &json!(14))
    );

    let download = async |query: &str| user.get(&format!("{path}{query}")).await;
    for (query, body) in [
        ("", "one.txt"),
        ("?n=1", "one.txt"),
        ("?n=2", "two.txt"),
        ("?file_name=two.txt", "two.txt"),
    ] {
        assert_eq!(download(query).await.text(), body, "{query}");
    }
    for (query, status) in [
        ("?n=3", 404),
        ("?file_name=three.txt", 404),
        ("?n=0", 412),
        ("?n=x", 412),
        ("?number=1", 412),
    ] {
        assert_eq!(download(query).await.status, status, "{query}");
    }

    user.upload(&path, "text/plain", *b"only").await.ok();
    assert_eq!(download("?n=2").await.status, 404);
    assert_eq!(download("").await.text(), "only");
}

#[tokio::test]
async fn attachments_have_an_end_in_number_and_in_size() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/templates/{template}/media");
    // The limit on an upload is also that on all attachments together.
    user.upload(&path, "text/plain", vec![b'a'; 20 << 20])
        .await
        .ok();
    let refused = user.append(&path, "text/plain", vec![b'a'; 6 << 20]).await;
    assert_eq!(refused.status, 413, "{}", refused.text());
    user.append(&path, "text/plain", vec![b'b'; 5 << 20])
        .await
        .ok();
    let refused = user.append(&path, "text/plain", *b"a").await;
    assert_eq!(
        (refused.status, refused.fields()),
        (412, vec!["body".to_owned()])
    );

    user.upload(&path, "text/plain", *b"1").await.ok();
    for _ in 2..=20 {
        user.append(&path, "text/plain", *b"more").await.ok();
    }
    let refused = user.append(&path, "text/plain", *b"21").await;
    assert_eq!(
        (refused.status, refused.fields()),
        (412, vec!["body".to_owned()])
    );
    let row = user.get(&format!("/templates/{template}")).await.ok();
    assert_eq!(row["attachments"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn nobody_else_adds_to_a_template_or_reads_what_is_attached() {
    let server = Server::shared().await;
    let (owner, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let template = Mailing::new(&owner).await.template_id;
    for root in ["/messages/templates", "/templates"] {
        let path = format!("{root}/{template}/media");
        owner.append(&path, "text/plain", *b"mine").await.ok();
        assert_eq!(other.append(&path, "text/plain", *b"x").await.status, 404);
        assert_eq!(other.upload(&path, "text/plain", *b"x").await.status, 404);
        for query in ["", "?n=1", "?file_name=x"] {
            assert_eq!(other.get(&format!("{path}{query}")).await.status, 404);
        }
        assert_eq!(owner.get(&path).await.body, b"mine");
    }
}

#[tokio::test]
async fn a_template_without_media_has_none_to_download() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    assert_eq!(
        user.get(&format!("/messages/templates/{template}/media"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_the_old_one() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/messages/templates/{template}/media");
    user.upload(&path, "text/plain", *b"whole").await.ok();
    {
        use std::io::Write;
        let address = server.url.trim_start_matches("http://");
        let mut half = std::net::TcpStream::connect(address).unwrap();
        let token = user.token();
        write!(
            half,
            "PUT {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\nhalf of it"
        )
        .unwrap();
    }
    // A later write to the same template succeeds, whatever the interrupted one left behind.
    user.put(
        &format!("/messages/templates/{template}"),
        json!({"description": "after"}),
    )
    .await
    .ok();
    assert_eq!(user.get(&path).await.body, b"whole");
}
