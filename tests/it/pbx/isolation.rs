//! What one tenant's users can do to another tenant's PBX by the documented API: nothing, and they
//! are told nothing.

use std::collections::HashMap;

use serde_json::json;

use crate::{
    contract::routes::{self, Route},
    harness::{Client, Company, EventLog, Server, unique_name},
};

/// An id, a name and a code that nothing has.
const NOBODYS: &str = "999999";

/// A company with a record of each kind that documented operations name, and their ids as text.
async fn company(server: &Server) -> (Company, HashMap<&'static str, String>) {
    let model = server.admin().await;
    let model = model.post("/pbx/phone_models", json!({"name": unique_name("model")}));
    let model = model.await.id("phone_model_id");
    let company = Company::on(server).await;
    let admin = &company.admin;
    let made = async |path: &str, body, id: &str| admin.post(path, body).await.id(id).to_string();
    let extension = json!({"name": "Ada", "number": "221"});
    let extension = made("/pbx/extensions", extension, "extension_id").await;
    let did = made("/pbx/dids", json!({"number": "+15550199"}), "did_id").await;
    let hunt = json!({"number": "600", "name": "Team"});
    let hunt = made("/pbx/hunts", hunt, "hunt_id").await;
    let phone = json!({"name": "Desk", "phone_model_id": model, "mac": "1.1.25.1"});
    let phone = made("/pbx/phones", phone, "phone_id").await;
    let tenant = admin
        .get(&format!("/tenants/{}", company.tenant_id))
        .await
        .ok();
    let user = admin.get(&format!("/users/{}", admin.user_id)).await.ok();
    let ids = HashMap::from([
        ("tenant_id", company.tenant_id.to_string()),
        ("tenant_code", tenant["code"].as_str().unwrap().to_owned()),
        ("user", user["username"].as_str().unwrap().to_owned()),
        ("user_id", admin.user_id.to_string()),
        ("extension_id", extension),
        ("did_id", did),
        ("hunt_id", hunt),
        ("phone_id", phone),
    ]);
    (company, ids)
}

/// The fields of a documented operation. `id_of` gives the names of records.
fn fields(route: Route, id_of: &dyn Fn(&'static str) -> String) -> Vec<(&'static str, String)> {
    let id = |name| (name, id_of(name));
    let kind = route.path.split('/').nth(1).unwrap();
    let record = match kind {
        "extension" => id("extension_id"),
        "did" => id("did_id"),
        "hunt" => id("hunt_id"),
        "phone" => id("phone_id"),
        _ => id("user_id"),
    };
    match route.path.rsplit('/').next().unwrap() {
        "getCallHistory" => vec![
            id("tenant_code"),
            ("start_date_ymd", "2026-11-01".to_owned()),
            ("end_date_ymd", "2026-11-30".to_owned()),
        ],
        "tenants" => vec![id("user")],
        "user" | "usersecret" => vec![id("tenant_id"), record],
        "updatebyid" if kind == "user" => {
            vec![record, ("password", "a-long-password-9".to_owned())]
        }
        "updatebyid" => {
            let field = kind;
            vec![record, (field, "{}".to_owned())]
        }
        "AddNewPhone" => {
            let phone = json!({"ph_te_id": id_of("tenant_id"), "ph_name": "x", "ph_mac": "x", "ph_pm_id": 1});
            vec![("phone", phone.to_string())]
        }
        "all" | "bytenant" | "getCidNumberList" | "GetFMFCallerIdList" => vec![id("tenant_id")],
        _ => vec![record],
    }
}

async fn ask(client: &Client, route: Route, fields: &[(&str, String)]) -> (u16, String) {
    let request = client.request("POST", route.path).form(fields);
    let answer = client.send(request).await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn another_tenants_records_answer_as_those_that_do_not_exist() {
    let server = Server::alone().await;
    let (_company, ids) = company(&server).await;
    let stranger = Company::on(&server).await.admin;
    let mut log = EventLog::open(&server).await;
    let before = log.head().await;
    let mut asked = 0;
    for route in routes::all().into_iter().filter(Route::takes_forms) {
        let theirs = fields(route, &|name| ids[name].clone());
        let nobodys = fields(route, &|_| NOBODYS.to_owned());
        let theirs = ask(&stranger, route, &theirs).await;
        assert_eq!(
            theirs,
            ask(&stranger, route, &nobodys).await,
            "{}",
            route.name()
        );
        assert_eq!(theirs.0, 404, "{}: {}", route.name(), theirs.1);
        asked += 1;
    }
    assert_eq!(asked, 27);
    assert_eq!(log.head().await, before, "nothing was written");
}

#[tokio::test]
async fn only_those_whom_one_may_see_are_listed() {
    let server = Server::alone().await;
    let (company, ids) = company(&server).await;
    let stranger = Company::on(&server).await.admin;
    let listed = async |client: &Client| client.get("/user/get").await.text();
    let theirs = format!(r#""us_username":"{}""#, ids["user"]);
    assert!(listed(&company.admin).await.contains(&theirs));
    assert!(!listed(&stranger).await.contains(&theirs));
}

#[tokio::test]
async fn a_secret_is_answered_to_holders_of_its_permission_only() {
    let server = Server::alone().await;
    let (company, ids) = company(&server).await;
    let operator = server.admin().await;
    let role = operator
        .post("/roles", json!({"name": unique_name("desk")}))
        .await;
    let role = role.id("role_id");
    for name in ["extension", "account_read"] {
        let permission = server.permission_id(name).await;
        let path = format!("/roles/{role}/permissions/{permission}");
        operator.put(&path, json!({})).await.ok();
    }
    let user = json!({
        "username": unique_name("desk"), "passwd": crate::harness::USER_PASSWORD, "active": 1,
        "role": role.to_string(), "tenant_id": company.tenant_id,
    });
    operator.post("/users", user.clone()).await.ok();
    let name = user["username"].as_str().unwrap();
    let user = server
        .stranger()
        .login(name, crate::harness::USER_PASSWORD)
        .await;
    let of_extension = |name: &'static str| ids[name].clone();
    for operation in ["user", "usersecret"] {
        let route = routes::operation(&format!("pbx.extension.{operation}")).unwrap();
        let answer = ask(&user, route, &fields(route, &of_extension)).await;
        let refused = r#"{"status":"failed","message":"Unauthorized Access"}"#;
        assert_eq!(answer, (403, refused.to_owned()));
    }
    let path = format!("/accounts/{}/provisioning", ids["extension_id"]);
    user.get(&path).await.expect(403);
    user.get(&format!("/pbx/extensions/{}", ids["extension_id"]))
        .await
        .ok();
    company.admin.get(&path).await.ok();
}

#[tokio::test]
async fn a_key_does_not_give_a_secret_without_an_event() {
    let server = Server::alone().await;
    let (company, ids) = company(&server).await;
    let route = routes::operation("pbx.extension.usersecret").unwrap();
    let fields = fields(route, &|name| ids[name].clone());
    for reads in 1..=2 {
        let request = company.admin.request("POST", route.path).form(&fields);
        let request = request.header("idempotency-key", "the-same");
        company.admin.send(request).await.ok();
        let mut log = EventLog::open(&server).await;
        assert_eq!(log.metadata("AccountSecretRead").await.len(), reads);
    }
}

#[tokio::test]
async fn the_old_number_of_an_extension_can_be_used_again() {
    let server = Server::alone().await;
    let (company, ids) = company(&server).await;
    let path = format!("/pbx/extensions/{}", ids["extension_id"]);
    company.admin.put(&path, json!({"number": "11"})).await.ok();
    let again = json!({"name": "Bea", "number": "221"});
    company
        .admin
        .post("/pbx/extensions", again.clone())
        .await
        .ok();
    company
        .admin
        .post("/pbx/extensions", again)
        .await
        .expect(412);
}
