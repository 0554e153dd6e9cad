//! Invalid values of fields.

use serde_json::{Value, json};

use crate::harness::{EventLog, Mailing, Server};

struct Case {
    path: String,
    body: Value,
    field: &'static str,
}

fn case(path: &str, body: Value, field: &'static str) -> Case {
    Case {
        path: path.to_owned(),
        body,
        field,
    }
}

async fn cases() -> Vec<Case> {
    let admin = Server::shared().await.admin().await;
    let mailing = Mailing::new(&admin).await;
    let contact = admin.contact("bad@example.com").await;
    let (program, template) = (mailing.program_id, mailing.template_id);
    let long = "x".repeat(100_000);
    let contact_with = |field: &'static str, value: Value| {
        let mut body = json!({"first_name": "A", "phone": "1"});
        body[field] = value;
        case("/contacts", body, field)
    };
    let provider_with = |field: &'static str, value: Value| {
        let mut body = json!({"name": "p", "type": "smtp", "host": "127.0.0.1", "active": 0});
        body[field] = value;
        case("/providers", body, field)
    };
    let mut cases = vec![
        contact_with("first_name", json!(7)),
        contact_with("first_name", json!(["A"])),
        contact_with("first_name", json!({"a": "b"})),
        contact_with("first_name", json!(long)),
        contact_with("first_name", json!("a\u{0}b")),
        contact_with("first_name", json!("a\r\nBcc: x")),
        contact_with("first_name", json!("\u{1b}[31m")),
        contact_with("first_name", json!("   ")),
        contact_with("last_name", json!(true)),
        contact_with("phone", json!("0".repeat(40))),
        contact_with("phone", json!("call me")),
        contact_with("phone", json!("+")),
        contact_with("phone", json!([1])),
        contact_with("phone", json!(1.5)),
        contact_with("email", json!("no at sign")),
        contact_with("email", json!("a@b@c")),
        contact_with("email", json!("a@b.example\r\nBcc: c@d.example")),
        contact_with("email", json!(format!("{}@example.com", "x".repeat(400)))),
        contact_with("email", json!(7)),
        contact_with("address", json!(format!("{}{}", "ü".repeat(1 << 20), "x"))),
        contact_with("description", json!("nul \u{0}")),
        contact_with("custom1", json!({})),
        provider_with("type", json!("emailcmd")),
        provider_with("type", json!("carrier pigeon")),
        provider_with("type", json!(7)),
        provider_with("port", json!(70_000)),
        provider_with("port", json!("many")),
        provider_with("weight", json!(0)),
        provider_with("weight", json!(1_001)),
        provider_with("service_flag", json!(16)),
        provider_with("service_flag", json!(1)),
        provider_with("active", json!("maybe")),
        provider_with("settings", json!([1])),
        provider_with("host", json!("a host\u{0}")),
        case("/users", json!({"username": "x"}), "passwd"),
        case(
            "/users",
            json!({"passwd": "long-enough-9-words"}),
            "username",
        ),
        case(
            "/users",
            json!({"username": ["x"], "passwd": "long-enough-9-words"}),
            "username",
        ),
        case(
            "/users",
            json!({"username": "adm\u{0}in", "passwd": "long-enough-9-words"}),
            "username",
        ),
        case(
            "/users",
            json!({"username": "admin", "passwd": "long-enough-9-words"}),
            "username",
        ),
        case(
            "/users",
            json!({"username": "ADMIN", "passwd": "long-enough-9-words"}),
            "username",
        ),
        case(
            "/users",
            json!({"username": "longpass", "passwd": long}),
            "passwd",
        ),
        case(
            "/accounts",
            json!({"username": 7, "type": "nonsense"}),
            "type",
        ),
        case("/roles", json!({}), "name"),
        case("/roles", json!({"name": "admin"}), "name"),
        case("/permissions", json!({"name": "Not A Name!"}), "name"),
        case(
            "/messages/templates",
            json!({"name": "n", "subject": "s"}),
            "body",
        ),
        case(
            "/messages/templates",
            json!({"name": "n", "body": "b"}),
            "subject",
        ),
        case(
            "/messages/templates",
            json!({"name": "n", "subject": "a\nb", "body": "b"}),
            "subject",
        ),
        case(
            "/messages/templates",
            json!({"name": "n", "subject": "s", "body": ["b"]}),
            "body",
        ),
        case("/programs/sendemail", json!({}), "template_id"),
        case(
            "/programs/sendemail",
            json!({"template_id": "abc"}),
            "template_id",
        ),
        case(
            "/programs/sendemail",
            json!({"template_id": -1}),
            "template_id",
        ),
        case(
            "/programs/sendemail",
            json!({"template_id": 1e300}),
            "template_id",
        ),
        case(
            "/programs/sendemail",
            json!({"template_id": 999_999_999}),
            "template_id",
        ),
        case(
            "/programs",
            json!({"type": "nonsense", "template_id": template}),
            "type",
        ),
        case(
            "/transmissions",
            json!({"program_id": program}),
            "contact_id",
        ),
        case(
            "/transmissions",
            json!({"contact_id": contact}),
            "program_id",
        ),
        case(
            "/transmissions",
            json!({"contact_id": [1], "program_id": program}),
            "contact_id",
        ),
        case(
            "/transmissions",
            json!({"contact_id": contact, "program_id": u64::MAX}),
            "program_id",
        ),
        case(
            "/authenticate",
            json!({"username": {"$ne": null}, "password": "x"}),
            "username",
        ),
        case("/authenticate", json!({"username": "admin"}), "password"),
        case(
            "/authenticate",
            json!({"username": "admin", "password": ["x"]}),
            "password",
        ),
    ];
    for tries in [
        json!(0),
        json!(-1),
        json!("x"),
        json!(1_000_000_000_000_i64),
    ] {
        let body = json!({"contact_id": contact, "program_id": program, "title": "t", "try_allowed": tries});
        cases.push(case("/transmissions", body, "try_allowed"));
    }
    cases
}

#[tokio::test]
async fn a_wrong_value_is_a_412_that_names_its_field() {
    let admin = Server::shared().await.admin().await;
    let mut wrong = Vec::new();
    for case in cases().await {
        let answer = admin.post(&case.path, case.body.clone()).await;
        let shown: String = case.body.to_string().chars().take(120).collect();
        if answer.status != 412 || !answer.fields().iter().any(|field| field == case.field) {
            wrong.push(format!(
                "{} {shown} ({}): {} {}",
                case.path,
                case.field,
                answer.status,
                answer.text()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn a_refused_update_changes_nothing() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let id = user.contact("untouched@example.com").await;
    let path = format!("/contacts/{id}");
    let before = user.get(&path).await.ok();
    let refused = user
        .put(
            &path,
            json!({"last_name": "good", "email": "bad", "phone": []}),
        )
        .await;
    refused.expect(412);
    let mut fields = refused.fields();
    fields.sort();
    assert_eq!(
        fields,
        ["email", "phone"],
        "all that is wrong is named at once"
    );
    assert_eq!(user.get(&path).await.ok(), before);
    let mut log = EventLog::open(server).await;
    let sql = "select count(*) from events where aggregate_type = 'contact' and aggregate_id = $1";
    let events: i64 = sqlx::query_scalar(sql)
        .bind(id.to_string())
        .fetch_one(log.sql())
        .await
        .unwrap();
    assert_eq!(events, 1);
}

#[tokio::test]
async fn settings_of_a_provider_are_checked_by_name() {
    let admin = Server::shared().await.admin().await;
    for (settings, field) in [
        (json!({"tls": "perhaps"}), "settings.tls"),
        (json!({"connections": 0}), "settings.connections"),
        (json!({"from_domain": "a b"}), "settings.from_domain"),
        (json!({"unknown": 1}), "settings.unknown"),
    ] {
        let body =
            json!({"name": "p", "type": "smtp", "host": "h", "active": 0, "settings": settings});
        let refused = admin.post("/providers", body).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [field]);
    }
}

#[tokio::test]
async fn unknown_fields_and_those_that_are_ours_are_ignored() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({
        "first_name": "A", "phone": "1", "contact_id": 1, "id": 1, "user_id": 1, "status": "x",
        "response": "y", "nonsense": {"deep": [1]},
    });
    let id = user.post("/contacts", body).await.id("contact_id");
    assert_eq!(
        user.get(&format!("/contacts/{id}")).await.ok()["user_id"],
        user.user_id
    );
}

#[tokio::test]
async fn bad_queries_are_412_and_name_the_parameter() {
    let admin = Server::shared().await.admin().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("limit=-1", "limit"),
        ("cursor=x", "cursor"),
        ("sort=nothing", "sort"),
        ("sort=contact_id;drop%20table%20events", "sort"),
        ("before=yesterday", "before"),
        ("contact_id=one", "contact_id"),
        ("contact_id=9223372036854775808", "contact_id"),
        ("phone=%00", "phone"),
        ("phone=%FF", "phone"),
        ("first_name='%20or%201=1%20--&x=1", "x"),
    ] {
        let refused = admin.get(&format!("/contacts?{query}")).await;
        assert_eq!(refused.status, 412, "{query}: {}", refused.text());
        assert_eq!(refused.fields(), [field], "{query}");
    }
}
