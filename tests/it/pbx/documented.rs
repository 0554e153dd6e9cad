//! The API of document 004: its paths, fields, order, types and words.

use serde_json::{Value, json};

use crate::harness::{Client, Company, Server};

/// Sends a form.
pub async fn form(client: &Client, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let answer = client.send(client.request("POST", path).form(fields)).await;
    (answer.status, answer.text())
}

/// Sends a form that must succeed; answers the data.
pub async fn data(client: &Client, path: &str, fields: &[(&str, &str)]) -> String {
    let (status, text) = form(client, path, fields).await;
    assert_eq!(status, 200, "{path}: {text}");
    let data = text.strip_prefix(r#"{"status":"success","data":"#);
    let data = data.and_then(|rest| rest.strip_suffix('}'));
    data.unwrap_or_else(|| panic!("{path}: {text}")).to_owned()
}

/// A company with an extension, and the ids of both as text.
pub struct Pbx {
    pub company: Company,
    pub tenant: String,
    pub extension: String,
}

impl Pbx {
    pub async fn on(server: &Server) -> Self {
        let company = Company::on(server).await;
        let extension = json!({
            "name": "Chris Latremoille", "number": "221", "cid_number": "15146339933",
            "cid_name": "Uniglobe Dorval", "follow_me_caller_id": "15146339934",
        });
        let extension = company.admin.post("/pbx/extensions", extension).await;
        Self {
            tenant: company.tenant_id.to_string(),
            extension: extension.id("extension_id").to_string(),
            company,
        }
    }

    pub async fn made(&self, path: &str, body: Value, id: &str) -> String {
        let answer = self.company.admin.post(path, body).await;
        answer.id(id).to_string()
    }
}

#[tokio::test]
async fn extensions_read_as_documented() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let (admin, extension) = (&pbx.company.admin, pbx.extension.as_str());
    let row = format!(
        r#"[{{"ex_id":"{extension}","ex_name":"Chris Latremoille","ex_number":"221","ex_cidnum":"15146339933","ex_cidname":"Uniglobe Dorval","ex_callwaiting":""}}]"#
    );
    let of_tenant = [("tenant_id", pbx.tenant.as_str())];
    let by_id = [("extension_id", extension)];
    assert_eq!(data(admin, "/extension/bytenant", &of_tenant).await, row);
    assert_eq!(data(admin, "/extension/byid", &by_id).await, row);
    let number = r#""15146339933""#;
    assert_eq!(data(admin, "/extension/getCidNumber", &by_id).await, number);
    let numbers = r#"[{"ex_cidnum":"15146339933"}]"#;
    assert_eq!(
        data(admin, "/extension/getCidNumberList", &of_tenant).await,
        numbers
    );
    let number = r#""15146339934""#;
    assert_eq!(
        data(admin, "/extension/GetFMFCallerId", &by_id).await,
        number
    );
    let numbers = r#"[{"GetFMFCallerId":"15146339934"}]"#;
    assert_eq!(
        data(admin, "/extension/GetFMFCallerIdList", &of_tenant).await,
        numbers
    );
}

#[tokio::test]
async fn an_extension_is_changed_by_json_in_a_form() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let change = r#"{"ex_name":"AAA","ex_number":"11","ex_cidnum":"12","ex_cidname":"AAA"}"#;
    let fields = [
        ("extension_id", pbx.extension.as_str()),
        ("extension", change),
    ];
    let admin = &pbx.company.admin;
    let answer = data(admin, "/extension/updatebyid", &fields).await;
    assert_eq!(answer, r#"{"msg":"Record Updated Successfully."}"#);
    let row = admin
        .get(&format!("/pbx/extensions/{}", pbx.extension))
        .await
        .ok();
    assert_eq!(
        (&row["name"], &row["number"], &row["cid_number"]),
        (&json!("AAA"), &json!("11"), &json!("12"))
    );
    let account = admin
        .get(&format!("/accounts/{}", pbx.extension))
        .await
        .ok();
    assert_eq!(account["first_name"], "AAA");
    assert_eq!(account["type"], "extension");
}

#[tokio::test]
async fn each_read_of_a_secret_is_an_event() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let fields = [
        ("tenant_id", pbx.tenant.as_str()),
        ("extension_id", pbx.extension.as_str()),
    ];
    let admin = &pbx.company.admin;
    let secret = data(admin, "/extension/usersecret", &fields).await;
    let secret: String = serde_json::from_str(&secret).unwrap();
    assert!(secret.len() >= 20, "{secret}");
    let tenants = server.admin().await.get("/tenants").await.ok();
    let code = tenants.as_array().unwrap().iter();
    let mut code = code.filter(|it| it["tenant_id"] == pbx.company.tenant_id);
    let code = code.next().unwrap()["code"].as_str().unwrap().to_owned();
    let user = data(admin, "/extension/user", &fields).await;
    let expected = format!(r#"[{{"name":"221-{code}","host":"dynamic","secret":"{secret}"}}]"#);
    assert_eq!(user, expected);
    let path = format!("/accounts/{}/provisioning", pbx.extension);
    assert_eq!(admin.get(&path).await.ok()["secret"], secret);
    let events = format!(
        "/events?aggregate_type=account&aggregate_id={}&event_type=AccountSecretRead",
        pbx.extension
    );
    let events = server.admin().await.get(&events).await.ok();
    assert_eq!(events.as_array().unwrap().len(), 3);
    let log = server.admin().await.get("/events?limit=1000").await.text();
    assert!(!log.contains(&secret), "the secret is in the log");
}

#[tokio::test]
async fn dids_read_and_change_as_documented() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let did = json!({"number": "15146001434"});
    let did = pbx.made("/pbx/dids", did, "did_id").await;
    let (admin, of_tenant) = (&pbx.company.admin, [("tenant_id", pbx.tenant.as_str())]);
    let row = format!(
        r#"[{{"di_id":"{did}","di_country":"","di_area":"","di_number":"15146001434","di_comment":""}}]"#
    );
    assert_eq!(data(admin, "/did/bytenant", &of_tenant).await, row);
    let change = r#"{"di_number":"1111111","di_didprefix":"12","di_didnameprefix":"asd","di_country":"USA","di_area":"test","di_comment":"Test Comment"}"#;
    let fields = [("did_id", did.as_str()), ("did", change)];
    let answer = data(admin, "/did/updatebyid", &fields).await;
    assert_eq!(answer, r#"{"msg":"Record Updated Successfully."}"#);
    let row = format!(
        r#"[{{"di_te_id":"{}","di_country":"USA","di_area":"test","di_number":"1111111","di_comment":"Test Comment","di_recording":"no","di_fax":"no","di_didprefix":"12","di_didnameprefix":"asd"}}]"#,
        pbx.tenant
    );
    assert_eq!(
        data(admin, "/did/byid", &[("did_id", did.as_str())]).await,
        row
    );
}

#[tokio::test]
async fn only_a_number_of_the_tenant_connects_a_did() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let operator = server.admin().await;
    let tenant = format!("/tenants/{}", pbx.tenant);
    operator
        .put(&tenant, json!({"numbers": ["15146001434"]}))
        .await
        .ok();
    let did = pbx
        .made("/pbx/dids", json!({"number": "15146001434"}), "did_id")
        .await;
    let admin = &pbx.company.admin;
    let connected = async || {
        let row = admin.get(&format!("/pbx/dids/{did}")).await.ok();
        let conflicts = admin.get("/pbx/dids?conflict=1").await.ok();
        (
            row["connected"].clone(),
            conflicts.as_array().unwrap().len(),
        )
    };
    assert_eq!(connected().await, (json!(1), 0));
    let fields = [
        ("did_id", did.as_str()),
        ("did", r#"{"di_number":"15146001435"}"#),
    ];
    data(admin, "/did/updatebyid", &fields).await;
    assert_eq!(connected().await, (json!(0), 1));
    let fields = [
        ("did_id", did.as_str()),
        ("did", r#"{"di_number":"15146001434"}"#),
    ];
    data(admin, "/did/updatebyid", &fields).await;
    assert_eq!(connected().await, (json!(1), 0));
    // The number stays the tenant's for as long as calls to it come in.
    let none = json!({"numbers": []});
    let refused = operator.put(&tenant, none.clone()).await.expect(423);
    let said = refused["detail"].as_str().unwrap();
    assert!(said.contains("15146001434"), "{said}");
    let deleted = admin.delete(&format!("/pbx/dids/{did}")).await;
    deleted.ok();
    operator.put(&tenant, none).await.ok();
}

#[tokio::test]
async fn the_number_of_a_deleted_did_goes_to_another_one() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let admin = &pbx.company.admin;
    let numbers = json!({"numbers": ["15146001434", "15146001435"]});
    let tenant = format!("/tenants/{}", pbx.tenant);
    server.admin().await.put(&tenant, numbers).await.ok();
    let did = json!({"number": "15146001434"});
    let first = pbx.made("/pbx/dids", did.clone(), "did_id").await;
    // Its old number, which another one takes, is not its present one.
    let next = json!({"number": "15146001435"});
    admin.put(&format!("/pbx/dids/{first}"), next).await.ok();
    pbx.made("/pbx/dids", did, "did_id").await;
    let route = admin.get("/pbx/route?did=15146001435").await.ok();
    assert_eq!(route["did_id"].to_string(), first);
    let found = admin.get("/pbx/check").await.ok();
    let mut problems = found.as_array().unwrap().iter();
    assert!(
        !problems.any(|it| it["problem"] == "did_not_connected"),
        "{found}"
    );
}

#[tokio::test]
async fn hunt_groups_read_change_and_go_as_documented() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let hunt = json!({
        "number": "502", "name": "General Inquriies", "hunt_type": "RINGALL", "ring_time": 60,
    });
    let hunt = pbx.made("/pbx/hunts", hunt, "hunt_id").await;
    let (admin, by_id) = (&pbx.company.admin, [("hunt_id", hunt.as_str())]);
    let fields = format!(
        r#""hu_id":"{hunt}","hu_number":"502","hu_name":"General Inquriies","hu_type":"RINGALL","hu_ringtime":"60""#
    );
    let of_tenant = [("tenant_id", pbx.tenant.as_str())];
    let rows = data(admin, "/hunt/bytenant", &of_tenant).await;
    assert_eq!(rows, format!("[{{{fields}}}]"));
    let row = data(admin, "/hunt/byid", &by_id).await;
    assert_eq!(row, format!(r#"[{{{fields},"hu_checkinuse":""}}]"#));
    let change = r#"{"hu_number":"111","hu_name":"AAA","hu_type":"AA","hu_ringtime":"2"}"#;
    let fields = [("hunt_id", hunt.as_str()), ("hunt", change)];
    let answer = data(admin, "/hunt/updatebyid", &fields).await;
    assert_eq!(answer, r#"{"msg":"Record Updated Successfully."}"#);
    let row = data(admin, "/hunt/byid", &by_id).await;
    assert!(row.contains(r#""hu_type":"AA","hu_ringtime":"2""#), "{row}");
    let answer = data(admin, "/hunt/deletebyid", &by_id).await;
    assert_eq!(answer, r#""Record Deleted Successfully.""#);
    let failed = (
        404,
        r#"{"status":"failed","message":"Record Not Found."}"#.to_owned(),
    );
    for path in ["/hunt/deletebyid", "/hunt/byid"] {
        assert_eq!(form(admin, path, &by_id).await, failed);
    }
}

#[tokio::test]
async fn phones_come_and_go_as_documented() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let model = json!({"name": "T46S", "vendor": "Yealink"});
    let model = server.admin().await.post("/pbx/phone_models", model).await;
    let model = model.id("phone_model_id");
    let (admin, tenant) = (&pbx.company.admin, &pbx.tenant);
    let phone = format!(
        r#"{{"ph_name":"xyz","ph_te_id":"{tenant}","ph_pm_id":"{model}","ph_mac":"1.1.25.1","ph_http_user":"abcdasda","ph_http_password":"132456"}}"#
    );
    let answer = data(admin, "/phone/AddNewPhone", &[("phone", &phone)]).await;
    let id: Value = serde_json::from_str(&answer).unwrap();
    let id = id["PhoneID"].as_str().unwrap().to_owned();
    let expected = format!(r#"{{"msg":"Record Inserted Successfully.","PhoneID":"{id}"}}"#);
    assert_eq!(answer, expected);
    let rows = data(admin, "/phone/bytenant", &[("tenant_id", tenant)]).await;
    let expected = format!(
        r#"[{{"ph_id":"{id}","ph_name":"xyz","ph_te_id":"{tenant}","ph_pm_id":"{model}","ph_mac":"1.1.25.1","ph_filename":""}}]"#
    );
    assert_eq!(rows, expected);
    let missing = r#"{"status":"failed","message":"Please Enter Required Fields."}"#;
    let failed = (412, missing.to_owned());
    for phone in ["{}", r#"{"ph_name":"xyz"}"#] {
        assert_eq!(
            form(admin, "/phone/AddNewPhone", &[("phone", phone)]).await,
            failed
        );
    }
    assert_eq!(form(admin, "/phone/AddNewPhone", &[]).await, failed);
    let answer = data(admin, "/phone/deletebyid", &[("phone_id", &id)]).await;
    assert_eq!(answer, r#""Record Deleted Successfully.""#);
}

#[tokio::test]
async fn the_other_lists_read_as_documented() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let box_of_all =
        json!({"fullname": "General Delivery Voicemail", "email": "info@escapegames.ca"});
    let voicemail = pbx
        .made("/pbx/voicemails", box_of_all, "voicemail_id")
        .await;
    let condition = json!({
        "name": "Francine Girard DISA", "condition_type": "CALLERID", "param1": "5148273211",
    });
    let condition = pbx.made("/pbx/conditions", condition, "condition_id").await;
    let ivr = pbx
        .made("/pbx/ivrs", json!({"name": "Main Menu - FR"}), "ivr_id")
        .await;
    let custom = json!({"name": "Vickie Kyriakakos Mobile", "number": "15145550100"});
    let custom = pbx.made("/pbx/customs", custom, "custom_id").await;
    let destination = json!({
        "source_type": "CONDITION", "source_id": condition.parse::<i64>().unwrap(),
        "target_type": "DISA", "target_id": 7,
    });
    let destination = pbx
        .made("/pbx/destinations", destination, "destination_id")
        .await;
    let (admin, of_tenant) = (&pbx.company.admin, [("tenant_id", pbx.tenant.as_str())]);
    let voicemails = data(admin, "/voicemail/bytenant", &of_tenant).await;
    let tenant = server
        .admin()
        .await
        .get(&format!("/tenants/{}", pbx.tenant))
        .await
        .ok();
    let context = tenant["code"].as_str().unwrap();
    let expected = format!(
        r#"[{{"uniqueid":"{voicemail}","context":"{context}","fullname":"General Delivery Voicemail","email":"info@escapegames.ca"}}]"#
    );
    assert_eq!(voicemails, expected);
    let params: String = (2..=12).map(|n| format!(r#","co_param{n}":"""#)).collect();
    let expected = format!(
        r#"[{{"co_id":"{condition}","co_name":"Francine Girard DISA","co_type":"CALLERID","co_timezone":"","co_param1":"5148273211"{params}}}]"#
    );
    assert_eq!(
        data(admin, "/condition/bytenant", &of_tenant).await,
        expected
    );
    let expected = format!(r#"[{{"iv_id":"{ivr}","iv_name":"Main Menu - FR"}}]"#);
    assert_eq!(data(admin, "/ivr/bytenant", &of_tenant).await, expected);
    let expected = format!(
        r#"[{{"cu_id":"{custom}","cu_name":"Vickie Kyriakakos Mobile","cu_ct_id":"1","ct_name":"FORWARD","ct_description":"<t>Forward call to</t>"}}]"#
    );
    assert_eq!(data(admin, "/custom/bytenant", &of_tenant).await, expected);
    let expected = format!(
        r#"[{{"de_id":"{destination}","de_type_src":"CONDITION","de_type_dst":"DISA","de_ord":"1"}}]"#
    );
    assert_eq!(data(admin, "/destination/all", &of_tenant).await, expected);
}

#[tokio::test]
async fn users_and_their_tenants_read_as_documented() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let admin = &pbx.company.admin;
    let login = admin.get("/user/login").await.text();
    let expected = format!(
        r#"{{"status":"success","data":{{"user_id":"{}"}}}}"#,
        admin.user_id
    );
    assert_eq!(login, expected);
    let users = admin.get("/user/get").await.ok();
    let users = users["data"].as_array().unwrap().clone();
    assert!(
        users
            .iter()
            .any(|it| it["us_id"] == format!("{}", admin.user_id))
    );
    let own = admin.get(&format!("/users/{}", admin.user_id)).await.ok();
    let fields = [("user", own["email"].as_str().unwrap())];
    let tenants = data(admin, "/user/tenants", &fields).await;
    let expected = format!(
        r#"{{"user_id":"{}","tenants":[{{"te_id":"{}","te_name":"Analytical Engines"}}]}}"#,
        admin.user_id, pbx.tenant
    );
    assert_eq!(tenants, expected);
}

#[tokio::test]
async fn a_password_that_is_set_ends_the_users_tokens() {
    let server = Server::alone().await;
    let pbx = Pbx::on(&server).await;
    let user = pbx.company.user(&server).await;
    let id = user.user_id.to_string();
    let fields = [("user_id", id.as_str()), ("password", "another-long-one")];
    let answer = data(&pbx.company.admin, "/user/updatebyid", &fields).await;
    assert_eq!(answer, r#"{"msg":"Record Updated Successfully."}"#);
    user.get("/user/login").await.expect(401);
}

#[tokio::test]
async fn one_sets_ones_own_password_without_permission() {
    let server = Server::alone().await;
    let user = server.user(&[]).await;
    let id = user.user_id.to_string();
    let fields = [("user_id", id.as_str()), ("password", "another-long-one")];
    data(&user, "/user/updatebyid", &fields).await;
    let other = server.user(&["user"]).await;
    let fields = [("user_id", id.as_str()), ("password", "a-stolen-password")];
    let failed = r#"{"status":"failed","message":"Unauthorized Access"}"#;
    let refused = form(&other, "/user/updatebyid", &fields).await;
    assert_eq!(refused, (403, failed.to_owned()));
}
