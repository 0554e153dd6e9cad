//! `/messages/documents` and their pages.

use serde_json::json;

use super::document_files::{DOCX, JPEG, PNG, TWO_PAGES, pdf};
use crate::harness::{Client, Server};

/// Creates a document; answers its path.
async fn document(user: &Client) -> String {
    let id = user
        .post("/messages/documents", json!({"name": "offer"}))
        .await;
    format!("/messages/documents/{}", id.id("document_id"))
}

#[tokio::test]
async fn a_document_reads_as_it_was_written() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"name": "offer", "description": "d", "quality": "fine", "type": "exe"});
    let id = user.post("/documents", body).await.id("document_id");
    let read = user.get(&format!("/messages/documents/{id}")).await.ok();
    let expected = json!({
        "document_id": id, "name": "offer", "description": "d", "quality": "fine", "type": "pdf",
        "file_name": null, "pages": null, "size": null, "user_id": user.user_id,
    });
    assert_eq!(read, expected);
}

#[tokio::test]
async fn every_kind_of_file_is_downloaded_as_pdf() {
    let user = Server::shared().await.user(&["user"]).await;
    let kinds: [(Vec<u8>, &str, i32); 4] = [
        (pdf(3), "pdf", 3),
        (TWO_PAGES.to_vec(), "tif", 2),
        (PNG.to_vec(), "png", 1),
        (JPEG.to_vec(), "jpg", 1),
    ];
    for (bytes, kind, pages) in kinds {
        let document = document(&user).await;
        let media = format!("{document}/media");
        // The announced content type does not count.
        user.upload(&media, "application/octet-stream", bytes)
            .await
            .id("document_id");
        let read = user.get(&document).await.ok();
        assert_eq!(
            (&read["type"], &read["pages"]),
            (&json!(kind), &json!(pages))
        );
        for path in [media, format!("{document}/download")] {
            let file = user.get(&path).await;
            assert_eq!(file.status, 200, "{kind}");
            assert_eq!(file.header("content-type"), Some("application/pdf"));
            let name = file.header("content-disposition").unwrap_or_default();
            assert!(
                name.starts_with("attachment; filename=\"document-"),
                "{name}"
            );
            assert!(file.body.starts_with(b"%PDF-"));
            assert_eq!(read["size"], json!(file.body.len()));
        }
    }
}

#[tokio::test]
async fn a_pdf_comes_back_byte_for_byte_under_its_name() {
    let user = Server::shared().await.user(&["user"]).await;
    let media = format!("{}/media", document(&user).await);
    let bytes = pdf(2);
    let named = "attachment; filename=\"offer.v2.PDF\"";
    let request = user
        .request("PUT", &media)
        .header("content-type", "application/pdf");
    let request = request
        .header("content-disposition", named)
        .body(bytes.clone());
    user.send(request).await.id("document_id");
    let file = user.get(&media).await;
    assert!(file.body == bytes);
    let disposition = file.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"offer.v2.pdf\""));
}

#[tokio::test]
async fn put_replaces_the_pages_and_post_adds_to_them() {
    let user = Server::shared().await.user(&["user"]).await;
    let document = document(&user).await;
    let media = format!("{document}/media");
    let pages = async || user.get(&document).await.ok()["pages"].clone();
    let add = async |bytes: Vec<u8>| {
        let request = user
            .request("POST", &media)
            .header("content-type", "image/png");
        user.send(request.body(bytes)).await
    };
    add(pdf(1)).await.id("document_id");
    assert_eq!(pages().await, 1);
    user.upload(&media, "application/pdf", pdf(2)).await.ok();
    assert_eq!(pages().await, 2);
    add(PNG.to_vec()).await.ok();
    add(TWO_PAGES.to_vec()).await.ok();
    assert_eq!(pages().await, 5);
}

#[tokio::test]
async fn another_quality_draws_the_same_pages_anew() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let document = document(&user).await;
    user.upload(&format!("{document}/media"), "application/pdf", pdf(1))
        .await
        .ok();
    let id: i64 = document.rsplit('/').next().unwrap().parse().unwrap();
    let mut sql = server.sql().await;
    let mut media = async || -> (String, String) {
        let row = "select media, fax_media from read.documents where document_id = $1";
        sqlx::query_as(row)
            .bind(id)
            .fetch_one(&mut sql)
            .await
            .unwrap()
    };
    let (pdf_before, fax_before) = media().await;
    let read = user.put(&document, json!({"quality": "Super"})).await.ok();
    assert_eq!(read["quality"], "super");
    let (pdf_after, fax_after) = media().await;
    assert_eq!(pdf_before, pdf_after);
    assert_ne!(fax_before, fax_after);
    let refused = user.put(&document, json!({"quality": "best"})).await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["quality"]);
}

#[tokio::test]
async fn a_document_without_pages_has_none_to_download() {
    let user = Server::shared().await.user(&["user"]).await;
    let document = document(&user).await;
    for word in ["media", "download"] {
        user.get(&format!("{document}/{word}")).await.expect(404);
    }
}

#[tokio::test]
async fn documents_are_found_by_name_type_quality_and_pages() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"name": "Spring Offer", "description": "green", "quality": "ultra"});
    let id = user.post("/documents", body).await.id("document_id");
    user.post("/documents", json!({"name": "other"})).await.ok();
    user.upload(&format!("/documents/{id}/media"), "image/png", PNG)
        .await
        .ok();
    for filter in [
        "name=ring%20off",
        "type=png",
        "description=reen",
        "quality=ultra",
        "pages=1",
        "name=spring&type=PNG",
    ] {
        let found = user
            .get(&format!("/messages/documents?{filter}"))
            .await
            .ok();
        let ids: Vec<_> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["document_id"])
            .collect();
        assert_eq!(ids, [&json!(id)], "{filter}");
    }
    user.get("/documents?media=a").await.expect(412);
}

#[tokio::test]
async fn what_is_another_users_is_not_there() {
    let server = Server::shared().await;
    let (owner, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let document = document(&owner).await;
    let media = format!("{document}/media");
    owner.upload(&media, "application/pdf", pdf(1)).await.ok();
    for path in [
        &document,
        &media,
        &format!("{document}/download"),
        &format!("{document}/delete"),
    ] {
        other.get(path).await.expect(404);
    }
    other
        .put(&document, json!({"quality": "fine"}))
        .await
        .expect(404);
    other
        .upload(&media, "application/pdf", pdf(2))
        .await
        .expect(404);
    let request = other
        .request("POST", &media)
        .header("content-type", "application/pdf");
    other.send(request.body(pdf(2))).await.expect(404);
    other.delete(&document).await.expect(404);
    assert_eq!(other.get("/documents").await.ok(), json!([]));
    assert_eq!(owner.get(&document).await.ok()["pages"], 1);
    server.admin().await.get(&media).await;
    assert_eq!(server.admin().await.get(&media).await.status, 200);
}

#[tokio::test]
async fn a_deleted_document_is_gone_with_its_pages() {
    let user = Server::shared().await.user(&["user"]).await;
    let document = document(&user).await;
    let media = format!("{document}/media");
    user.upload(&media, "application/pdf", pdf(1)).await.ok();
    user.delete(&document).await.ok();
    user.get(&document).await.expect(404);
    user.get(&media).await.expect(404);
    user.upload(&media, "application/pdf", pdf(1))
        .await
        .expect(404);
}

#[tokio::test]
async fn an_office_document_is_converted_or_libreoffice_is_asked_for() {
    let user = Server::shared().await.user(&["user"]).await;
    let document = document(&user).await;
    let answer = user
        .upload(&format!("{document}/media"), "application/msword", DOCX)
        .await;
    let installed = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .any(|folder| folder.join("soffice").is_file());
    if installed {
        answer.id("document_id");
        assert_eq!(user.get(&document).await.ok()["type"], "docx");
    } else {
        let said = answer.expect(501)["detail"].to_string();
        assert!(said.contains("LibreOffice (soffice)"), "{said}");
        assert_eq!(user.get(&document).await.ok()["pages"], json!(null));
    }
}
