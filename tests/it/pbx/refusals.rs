//! Bad input to the documented API: the answers have its shape, and the reason in plain words.

use serde_json::{Value, json};

use super::documented::{Pbx, data, form};
use crate::harness::{Server, unique_name};

#[tokio::test]
async fn refusals_have_the_documented_shape() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let admin = &pbx.company.admin;
    let failed = |message: &str| format!(r#"{{"status":"failed","message":"{message}"}}"#);
    let stranger = server.stranger();
    let unauthorised = (401, failed("Unauthorized Access"));
    assert_eq!(
        form(&stranger, "/hunt/byid", &[("hunt_id", "1")]).await,
        unauthorised
    );
    let user = server.user(&["user"]).await;
    let forbidden = (403, failed("Unauthorized Access"));
    assert_eq!(
        form(&user, "/hunt/byid", &[("hunt_id", "1")]).await,
        forbidden
    );
    let missing = (412, failed("Please Enter Required Fields."));
    assert_eq!(form(admin, "/hunt/byid", &[]).await, missing);
    for (path, fields, status) in [
        ("/hunt/byid", vec![("hunt_id", "x")], 412),
        (
            "/hunt/updatebyid",
            vec![("hunt_id", "1"), ("hunt", "{oops")],
            412,
        ),
        (
            "/hunt/updatebyid",
            vec![("hunt_id", "1"), ("hunt", "[1]")],
            412,
        ),
        (
            "/extension/bytenant",
            vec![("tenant_id", "1; drop table users")],
            412,
        ),
        (
            "/cdr/getCallHistory",
            vec![
                ("start_date_ymd", "2026-11-01"),
                ("end_date_ymd", "2026-11-30"),
                ("tenant_code", "x' or '1'='1"),
            ],
            404,
        ),
    ] {
        let (answered, text) = form(admin, path, &fields).await;
        assert_eq!(answered, status, "{path}: {text}");
        let text: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text["status"], "failed", "{text}");
    }
    let request = admin.request("POST", "/hunt/byid");
    let request = request
        .header("content-type", "text/plain")
        .body("hunt_id=1");
    let answer = admin.send(request).await;
    assert_eq!(answer.status, 415);
    assert_eq!(answer.json()["status"], "failed");
}

#[tokio::test]
async fn a_form_of_100_mb_is_refused() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let admin = &pbx.company.admin;
    for size in [1 << 17, 100 << 20] {
        let large = [("hunt_id", "1".repeat(size))];
        let answer = admin
            .send(admin.request("POST", "/hunt/byid").form(&large))
            .await;
        assert_eq!(answer.status, 412, "{size}");
        let refused = answer.json();
        assert_eq!(refused["status"], "failed");
        let reason = refused["message"].as_str().unwrap();
        assert!(reason.contains("at most 65536 bytes"), "{reason}");
    }
}

#[tokio::test]
async fn a_hunt_of_ten_thousand_fields_is_refused() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let admin = &pbx.company.admin;
    let hunt = json!({"number": "502", "name": "Inquiries"});
    let hunt = pbx.made("/pbx/hunts", hunt, "hunt_id").await;
    let many: serde_json::Map<String, Value> = (0..10_000)
        .map(|number| (format!("hu_{number}"), json!(number)))
        .collect();
    let many = Value::Object(many).to_string();
    let fields = [("hunt_id", hunt.as_str()), ("hunt", many.as_str())];
    let (status, text) = form(admin, "/hunt/updatebyid", &fields).await;
    assert_eq!(status, 412, "{text}");
    assert!(
        text.starts_with(r#"{"status":"failed","message":""#),
        "{text}"
    );
    let row = admin.get(&format!("/pbx/hunts/{hunt}")).await.ok();
    assert_eq!(row["name"], "Inquiries");
}

#[tokio::test]
async fn markup_and_paths_are_only_text() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let (admin, tenant) = (&pbx.company.admin, pbx.tenant.as_str());
    let markup = r#"<?xml version="1.0"?><a b='c'>&lt;</a>"#;
    let change = json!({"ex_name": markup}).to_string();
    let fields = [
        ("extension_id", pbx.extension.as_str()),
        ("extension", change.as_str()),
    ];
    data(admin, "/extension/updatebyid", &fields).await;
    let rows = data(admin, "/extension/byid", &fields[..1]).await;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows[0]["ex_name"], markup);
    let model = json!({"name": "T46S", "vendor": "Yealink"});
    let model = server.admin().await.post("/pbx/phone_models", model).await;
    let path = "../../etc/passwd";
    let phone = json!({
        "ph_name": markup, "ph_te_id": tenant, "ph_pm_id": model.id("phone_model_id").to_string(),
        "ph_mac": path, "ph_filename": path,
    });
    let phone = phone.to_string();
    data(admin, "/phone/AddNewPhone", &[("phone", &phone)]).await;
    let rows = data(admin, "/phone/bytenant", &[("tenant_id", tenant)]).await;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let written = ["ph_name", "ph_mac", "ph_filename"].map(|field| &rows[0][field]);
    assert_eq!(written, [markup, path, path]);
}

#[tokio::test]
async fn a_repeated_request_is_refused_in_the_same_words() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let admin = &pbx.company.admin;
    let words = |text: &str| format!(r#"{{"status":"failed","message":"{text}"}}"#);
    for (fields, status, message) in [
        (vec![("hunt_id", "999999")], 404, "Record Not Found."),
        (vec![], 412, "Please Enter Required Fields."),
    ] {
        let key = unique_name("again");
        for _ in 0..2 {
            let request = admin.request("POST", "/hunt/deletebyid").form(&fields);
            let answer = admin.send(request.header("idempotency-key", &key)).await;
            assert_eq!((answer.status, answer.text()), (status, words(message)));
        }
    }
}

#[tokio::test]
async fn refusals_name_the_documented_fields() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let change = json!({"ex_number": "not a number"}).to_string();
    let fields = [
        ("extension_id", pbx.extension.as_str()),
        ("extension", change.as_str()),
    ];
    let (status, text) = form(&pbx.company.admin, "/extension/updatebyid", &fields).await;
    assert_eq!(status, 412, "{text}");
    assert!(text.contains("ex_number"), "{text}");
}
