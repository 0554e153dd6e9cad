//! `/accounts`.

use serde_json::{Value, json};

use crate::harness::{Mailing, Server, unique_name};

#[tokio::test]
async fn a_new_user_gets_an_account_of_their_own() {
    let server = Server::shared().await;
    let name = unique_name("opened");
    let user = server.named_user(&name, &["user"]).await;
    let accounts = user.get("/accounts").await.ok();
    assert_eq!(accounts.as_array().unwrap().len(), 1);
    let account = user
        .get(&format!("/accounts/{}", accounts[0]["account_id"]))
        .await
        .ok();
    assert_eq!(
        (&account["type"], &account["active"]),
        (&json!("account"), &json!(1))
    );
    assert_eq!(
        (&account["username"], &account["user_id"]),
        (&json!(name), &json!(user.user_id))
    );
}

#[tokio::test]
async fn a_name_is_taken_once_for_each_type() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("twice");
    let with = |kind: &str| json!({"username": name, "type": kind});
    admin
        .post("/accounts", with("account"))
        .await
        .id("account_id");
    admin
        .post("/accounts", with("extension"))
        .await
        .id("account_id");
    let refused = admin.post("/accounts", with("account")).await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["username"]);
}

#[tokio::test]
async fn settings_are_kept_read_and_taken_away() {
    let user = Server::shared().await.user(&["user"]).await;
    let account = user.get("/accounts").await.ok()[0]["account_id"].clone();
    let path = format!("/accounts/{account}/settings/emailtofax_coversheet");
    assert_eq!(user.get(&path).await.status, 404);
    let said = json!({"name": "emailtofax_coversheet", "value": "body"});
    assert_eq!(user.put(&path, json!({"value": "body"})).await.ok(), said);
    assert_eq!(user.get(&path).await.ok(), said);
    user.delete(&path).await.ok();
    assert_eq!(user.get(&path).await.status, 404);
}

#[tokio::test]
async fn the_sender_of_short_messages_is_a_number_or_a_short_name() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let account = user.get("/accounts").await.ok()[0]["account_id"].clone();
    let path = format!("/accounts/{account}/settings/sms_sender");
    let list = format!("/users/{}/sms_senders", user.user_id);
    let names = json!({"names": ["ACME Shop", "+4930123"]});
    server.admin().await.put(&list, names).await.ok();
    for good in ["ACME Shop", "+4930123"] {
        user.put(&path, json!({"value": good})).await.ok();
    }
    for bad in ["far too long a name", "A\nB", "<b>"] {
        let refused = user.put(&path, json!({"value": bad})).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["sms_sender"], "{bad}");
    }
    assert_eq!(user.get(&path).await.ok()["value"], "+4930123");
}

#[tokio::test]
async fn a_change_of_owner_takes_the_programs_away_first() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let program = Mailing::new(&admin).await.program_id;
    let body = json!({"username": unique_name("assigned")});
    let account = admin.post("/accounts", body).await.id("account_id");
    let path = format!("/accounts/{account}");
    let subscribed = admin
        .put(&format!("{path}/programs/{program}"), json!({}))
        .await
        .ok();
    assert_eq!(subscribed["account_id"], account);

    let other = server.user(&["user"]).await;
    let assigned = admin
        .put(&format!("{path}/users/{}", other.user_id), json!({}))
        .await
        .ok();
    assert_eq!(assigned["user_id"], other.user_id);
    other.get(&path).await.ok();
    let sql = "select count(*) from read.account_programs where account_id = $1";
    let left: i64 = sqlx::query_scalar(sql)
        .bind(account)
        .fetch_one(&mut server.sql().await)
        .await
        .unwrap();
    assert_eq!(left, 0);

    let dissociated = admin.delete(&format!("{path}/users")).await.ok();
    assert_eq!(dissociated["user_id"], Value::Null);
    assert_eq!(other.get(&path).await.status, 404);
}

#[tokio::test]
async fn without_an_active_account_nothing_is_sent() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let account = user.get("/accounts").await.ok()[0]["account_id"].clone();
    user.put(&format!("/accounts/{account}"), json!({"active": 0}))
        .await
        .ok();
    let contact = user.contact("nobody@example.com").await;
    let order = json!({"contact_id": contact, "program_id": mailing.program_id, "title": "t"});
    let made = user.post("/transmissions", order).await;
    if made.status == 200 {
        let path = format!("/transmissions/{}/send", made.id("transmission_id"));
        user.post(&path, json!({})).await.expect(423);
    } else {
        made.expect(423);
    }
}

#[tokio::test]
async fn nothing_is_sent_as_an_account_that_was_given_to_somebody_else() {
    let server = Server::shared().await;
    let (user, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let mailing = Mailing::new(&user).await;
    let account = user.get("/accounts").await.ok()[0]["account_id"].clone();
    let contact = user.contact("as-whom@example.com").await;
    let order = json!({"contact_id": contact, "account_id": account});
    let transmission = mailing.with(order).await;

    let path = format!("/accounts/{account}/users/{}", other.user_id);
    server.admin().await.put(&path, json!({})).await.ok();

    let path = format!("/transmissions/{transmission}/send");
    let refused = user.post(&path, json!({})).await.expect(423);
    let why = refused["detail"].as_str().unwrap();
    assert!(why.contains("account"), "{refused}");
    assert!(mailing.attempts(transmission).await.is_empty());
}

#[tokio::test]
async fn accounts_are_listed_by_type_under_names_of_their_own() {
    let user = Server::shared().await.user(&["user"]).await;
    let admin = Server::shared().await.admin().await;
    for kind in ["did", "extension", "eaddress"] {
        let body = json!({"username": unique_name(kind), "type": kind});
        let id = admin.post("/accounts", body).await.id("account_id");
        let path = format!("/accounts/{id}/users/{}", user.user_id);
        admin.put(&path, json!({})).await.ok();
    }
    for (path, kind) in [("/dids", "did"), ("/extensions", "extension")] {
        let listed = user.get(path).await.ok();
        let kinds: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["type"])
            .collect();
        assert_eq!(kinds, [kind], "{path}");
        let same = user.get(&format!("/accounts?type={kind}")).await.ok();
        assert_eq!(same, listed, "{path}");
        let page = user.get(&format!("{path}?limit=1")).await;
        assert_eq!(page.header("x-total-count"), Some("1"));
        user.get(&format!("{path}?type=account")).await.expect(412);
    }
}
