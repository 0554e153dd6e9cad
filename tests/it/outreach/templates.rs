//! `/messages/templates` and what is attached to them.

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
    let template = Mailing::of(&user).await.template_id;
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
    let template = Mailing::of(&user).await.template_id;
    let path = format!("/messages/templates/{template}/media");
    user.upload(&path, "text/plain", *b"one").await.ok();
    user.upload(&path, "text/plain", *b"two").await.ok();
    assert_eq!(user.get(&path).await.body, b"two");
}

#[tokio::test]
async fn a_template_without_media_has_none_to_download() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::of(&user).await.template_id;
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
    let template = Mailing::of(&user).await.template_id;
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
    // A later request on the same template passes after whatever the broken one left behind.
    user.put(
        &format!("/messages/templates/{template}"),
        json!({"description": "after"}),
    )
    .await
    .ok();
    assert_eq!(user.get(&path).await.body, b"whole");
}

#[tokio::test]
async fn a_program_in_use_cannot_be_deleted() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::of(&user).await;
    let contact = user.contact("pending@example.com").await;
    let transmission = mailing.to(contact).await;
    let path = format!("/programs/{}", mailing.program_id);
    assert!(user.delete(&path).await.expect(423)["detail"].is_string());
    user.delete(&format!("/transmissions/{transmission}"))
        .await
        .ok();
    user.delete(&path).await.ok();
}

#[tokio::test]
async fn a_program_without_a_type_names_the_routes_there_are() {
    let user = Server::shared().await.user(&["user"]).await;
    let answer = user
        .post("/programs", json!({"name": "what?"}))
        .await
        .expect(501);
    assert!(
        answer["detail"]
            .as_str()
            .unwrap()
            .contains("/programs/sendemail"),
        "{answer}"
    );
    let template = Mailing::of(&user).await.template_id;
    let body = json!({"type": "sendemail", "template_id": template});
    let id = user.post("/programs", body).await.id("program_id");
    let read = user.get(&format!("/programs/{id}")).await.ok();
    assert_eq!(
        (&read["type"], &read["service_flag"]),
        (&json!("sendemail"), &json!(8))
    );
}
