//! Import and export of users as CSV.

use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Answer, Client, Server, USER_PASSWORD, unique_name};

async fn import(client: &Client, file: impl Into<Vec<u8>>) -> Answer {
    import_to(client, "/users/csv", file).await
}

async fn import_passwords(client: &Client, file: impl Into<Vec<u8>>) -> Answer {
    import_to(client, "/users/csv?update=passwords", file).await
}

async fn import_to(client: &Client, path: &str, file: impl Into<Vec<u8>>) -> Answer {
    let request = client.request("POST", path);
    let request = request.header("content-type", "text/csv");
    client.send(request.body(file.into())).await
}

#[tokio::test]
async fn an_import_makes_users_changes_users_and_says_what_it_rejects() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let (new, known) = (unique_name("new"), unique_name("known"));
    let body = json!({"username": known, "passwd": USER_PASSWORD, "last_name": "Kept"});
    let known_id = admin.post("/users", body).await.id("user_id");
    let file = format!(
        "\u{feff}username,passwd,first_name,email,active,timezone\r\n\
         {new},{USER_PASSWORD},\"Ada, Countess\",{new}@users.example,1,Europe/London\r\n\
         {known},,Grace,,,\r\n\
         ,{USER_PASSWORD},Nobody,,,\r\n\
         nopass-{new},,No,,,\r\n\
         badmail-{new},{USER_PASSWORD},Bad,nobody,,\r\n\
         badzone-{new},{USER_PASSWORD},Bad,,,Mars\r\n\
         {new},,,,0,\r\n"
    );
    let said = import(&admin, file).await.ok();
    let counts = ["created", "updated", "rejected"].map(|name| said[name].as_i64().unwrap());
    assert_eq!(counts, [1, 2, 4], "{said}");
    let lines: Vec<_> = said["rejections"].as_array().unwrap().iter().collect();
    let lines: Vec<_> = lines
        .iter()
        .map(|it| it["line"].as_i64().unwrap())
        .collect();
    assert_eq!(lines, [4, 5, 6, 7]);
    assert!(!said.to_string().contains(USER_PASSWORD));
    let new_id = &said["rows"][0]["user_id"];
    let done = |line: u64, id: &Value, did: &str, password: Value, role: Value| json!({"line": line, "user_id": id, "did": did, "password": password, "role": role});
    let rows = json!([
        done(2, new_id, "created", json!("set"), json!("user")),
        done(3, &json!(known_id), "updated", Value::Null, Value::Null),
        done(8, new_id, "updated", Value::Null, Value::Null),
    ]);
    assert_eq!(said["rows"], rows, "{said}");
    assert_eq!(said["rows_not_listed"], 0);

    let read = admin.get(&format!("/users/{known_id}")).await.ok();
    assert_eq!(
        (&read["first_name"], &read["last_name"]),
        (&json!("Grace"), &json!("Kept"))
    );
    let found = admin.get(&format!("/users?username={new}")).await.ok();
    assert_eq!(
        (
            &found[0]["first_name"],
            &found[0]["active"],
            &found[0]["timezone"]
        ),
        (&json!("Ada, Countess"), &json!(0), &json!("Europe/London"))
    );
    let owned = format!("/accounts?username={new}");
    assert_eq!(admin.get(&owned).await.ok().as_array().unwrap().len(), 1);
    admin
        .put(
            &format!("/users/{}", found[0]["user_id"]),
            json!({"active": 1}),
        )
        .await
        .ok();
    server.stranger().login(&new, USER_PASSWORD).await;
}

#[tokio::test]
async fn an_import_keeps_passwords_unless_told_to_change_them() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = unique_name("kept");
    let id = server.named_user(&name, &["user"]).await.user_id;
    let row = format!("{name},another-9-words-long,Ada\n");

    let said = import(&admin, row.clone()).await.ok();
    let kept = json!([{
        "line": 1, "user_id": id, "did": "updated", "password": "kept", "role": null,
    }]);
    assert_eq!(said["rows"], kept, "{said}");
    let read = admin.get(&format!("/users/{id}")).await.ok();
    assert_eq!(read["first_name"], "Ada");
    server.stranger().login(&name, USER_PASSWORD).await;

    let said = import_passwords(&admin, row).await.ok();
    assert_eq!(said["rows"][0]["password"], "changed", "{said}");
    let login = json!({"username": name, "password": USER_PASSWORD});
    let refused = server.stranger().post("/authenticate", login).await;
    assert_eq!(refused.status, 401);
    server.stranger().login(&name, "another-9-words-long").await;

    for query in ["update=all", "update=", "updates=passwords"] {
        let path = format!("/users/csv?{query}");
        import_to(&admin, &path, "x").await.expect(412);
    }
}

#[tokio::test]
async fn an_imported_user_gets_the_role_of_the_row() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let (role, name) = (unique_name("Dispatch"), unique_name("new"));
    let role_id = admin
        .post("/roles", json!({"name": role}))
        .await
        .id("role_id");
    let file = format!(
        "username,passwd,role\n{name}-a,{USER_PASSWORD},{}\n{name}-b,{USER_PASSWORD},{role_id}\n\
         {name}-c,{USER_PASSWORD},nonesuch\n{name}-d,{USER_PASSWORD},\n",
        role.to_uppercase()
    );
    let said = import(&admin, file).await.ok();
    let roles: Vec<_> = said["rows"].as_array().unwrap().iter().collect();
    let roles: Vec<_> = roles.iter().map(|row| &row["role"]).collect();
    assert_eq!(
        roles,
        [&json!(role), &json!(role), &json!("user")],
        "{said}"
    );
    assert_eq!(said["rejections"][0]["line"], 4, "{said}");
    let reason = said["rejections"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "role: does not exist");
}

#[tokio::test]
async fn an_export_has_no_password_and_no_formula_and_can_be_imported() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("exported");
    let body = json!({
        "username": name, "passwd": USER_PASSWORD, "first_name": "=cmd|' /C calc'!A0",
        "last_name": "Quote\" and, comma", "phone": "+15550100",
    });
    let id = admin.post("/users", body).await.id("user_id");
    let answer = admin.get(&format!("/users/csv?username={name}")).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/csv")
    );
    let file = answer.text();
    assert!(file.starts_with("username,first_name,"), "{file}");
    assert!(file.contains("'=cmd") && !file.contains(",=cmd"), "{file}");
    for secret in [USER_PASSWORD, "argon2", "passw"] {
        assert!(!file.contains(secret), "{file}");
    }
    let before = admin.get(&format!("/users/{id}")).await.ok();
    let said = import(&admin, file).await.ok();
    assert_eq!(
        (&said["updated"], &said["rejected"]),
        (&json!(1), &json!(0)),
        "{said}"
    );
    assert_eq!(admin.get(&format!("/users/{id}")).await.ok(), before);
}

#[tokio::test]
async fn an_import_gives_nobody_more_than_they_may() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let clerk = server.user(&[]).await;
    for name in ["user_create", "user_update", "user_list", "user_admin"] {
        let id = server.permission_id(name).await;
        let path = format!("/users/{}/permissions/{id}", clerk.user_id);
        admin.put(&path, json!({})).await.ok();
    }
    for row in [
        "admin,,,,,clerk@example.com,,,,,",
        "admin,,Taken,,,,,,,,",
        "admin,,,,,,,,,,0",
    ] {
        let said = import(&clerk, row).await.ok();
        assert_eq!(
            (&said["updated"], &said["rejected"]),
            (&json!(0), &json!(1)),
            "{said}"
        );
    }
    let said = import_passwords(&clerk, "admin,taken-over-9-times")
        .await
        .ok();
    assert_eq!(said["rejected"], 1, "{said}");
    server.stranger().login("admin", ADMIN_PASSWORD).await;
    let said = import(&admin, "admin,,,,,,,,,,0").await.ok();
    assert_eq!(said["rejected"], 1, "the last administrator: {said}");
    let read: Value = admin.get("/users/1").await.ok();
    assert_eq!((&read["active"], &read["email"]), (&json!(1), &Value::Null));

    let plain = server.user(&["user"]).await;
    assert_eq!(import(&plain, "x,y").await.status, 403);
    assert_eq!(plain.get("/users/csv").await.status, 403);
}
