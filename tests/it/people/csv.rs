//! Import and export of contacts as CSV.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, ReadModels, Server, Setup};

async fn group(client: &Client) -> i64 {
    let group = client.post("/groups", json!({"name": "Listed"})).await;
    group.id("group_id")
}

async fn import(client: &Client, group: i64, file: impl Into<Vec<u8>>) -> Answer {
    let path = format!("/groups/{group}/csv");
    let request = client
        .request("POST", &path)
        .header("content-type", "text/csv");
    client.send(request.body(file.into())).await
}

/// The counts of created, updated and rejected rows of an import, which must succeed.
async fn counts(client: &Client, group: i64, file: impl Into<Vec<u8>>) -> [i64; 3] {
    let report = import(client, group, file).await.ok();
    ["created", "updated", "rejected"].map(|count| report[count].as_i64().unwrap())
}

async fn contacts(client: &Client, group: i64) -> Vec<Value> {
    let list = client.get(&format!("/groups/{group}/contacts")).await.ok();
    list.as_array().unwrap().clone()
}

async fn export(client: &Client, group: i64) -> String {
    let answer = client.get(&format!("/groups/{group}/csv")).await;
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/csv"), "{kind}");
    answer.text()
}

#[tokio::test]
async fn a_file_of_all_columns_becomes_contacts_of_the_group() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let file = "+1 555 0100,Ada,Lovelace,ada@example.com,\"12 St James's Square, London\",a,b,c,\
                \"Counts,\r\nand \"\"writes\"\"\"\r\n0300,Grace,,,,,,,\r\n";
    assert_eq!(counts(&user, group, file).await, [2, 0, 0]);
    let found = contacts(&user, group).await;
    assert_eq!(found[0]["phone"], "+15550100");
    assert_eq!(found[0]["address"], "12 St James's Square, London");
    assert_eq!(found[0]["description"], "Counts,\r\nand \"writes\"");
    assert_eq!(found[0]["user_id"], user.user_id);
    assert_eq!(
        (&found[1]["phone"], &found[1]["email"]),
        (&json!("0300"), &Value::Null)
    );
    let group = user.get(&format!("/groups/{group}")).await.ok();
    assert_eq!(group["contact_total"], 2);
}

#[tokio::test]
async fn a_header_may_name_the_columns_in_any_order() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let file = "First Name,colour,PHONE\nAda,red,1\nGrace,blue,2\n";
    assert_eq!(counts(&user, group, file).await, [2, 0, 0]);
    let found = contacts(&user, group).await;
    assert_eq!(
        (&found[0]["first_name"], &found[0]["phone"]),
        (&json!("Ada"), &json!("1"))
    );
    let all = "phone,first_name,last_name,email,address,custom1,custom2,custom3,description\n\
               3,Joan,,,,,,,\n";
    assert_eq!(counts(&user, group, all).await, [1, 0, 0]);
    import(&user, group, "phone,phone\n1,2\n").await.expect(412);
}

#[tokio::test]
async fn one_column_is_phones_only() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    assert_eq!(
        counts(&user, group, "15550100\n15550101\n").await,
        [2, 0, 0]
    );
    let found = contacts(&user, group).await;
    assert_eq!(
        (&found[0]["phone"], &found[0]["first_name"]),
        (&json!("15550100"), &Value::Null)
    );
    let path = format!("/contacts/{}", found[0]["contact_id"]);
    let updated = user.put(&path, json!({"custom1": "x"})).await.ok();
    assert_eq!(updated["custom1"], "x");
}

#[tokio::test]
async fn rows_wrong_in_the_middle_stop_nothing_and_are_told() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let file = "1,Ada\n\
                not-a-phone,Bea\n\
                2,Cai,,nobody\n\
                ,Dan\n\
                \n\
                3,\"Eve\n\
                4,Fay,,,,,,,,tenth\n\
                5,Gus\n";
    let report = import(&user, group, file).await.ok();
    assert_eq!(
        (&report["created"], &report["rejected"]),
        (&json!(2), &json!(5))
    );
    let rejections = report["rejections"].as_array().unwrap();
    let lines: Vec<_> = rejections.iter().map(|one| one["line"].clone()).collect();
    assert_eq!(lines, [2, 3, 4, 6, 7]);
    let reasons = [
        "phone: ",
        "email: ",
        "phone: is required",
        "opens a quote",
        "has 10 columns",
    ];
    for (rejection, reason) in rejections.iter().zip(reasons) {
        let told = rejection["reason"].as_str().unwrap();
        assert!(told.starts_with(reason), "{told}");
    }
    let found = contacts(&user, group).await;
    let phones: Vec<_> = found.iter().map(|one| one["phone"].clone()).collect();
    assert_eq!(phones, ["1", "5"]);
}

#[tokio::test]
async fn the_list_of_rejections_has_an_end() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let report = import(&user, group, "x\n".repeat(1_500)).await.ok();
    assert_eq!(
        (&report["created"], &report["rejected"]),
        (&json!(0), &json!(1_500))
    );
    assert_eq!(report["rejections"].as_array().unwrap().len(), 1_000);
    assert_eq!(report["rejections_not_listed"], 500);
}

#[tokio::test]
async fn a_phone_that_is_in_the_group_is_updated_and_what_a_row_leaves_out_stays() {
    let user = Server::shared().await.user(&["user"]).await;
    let (one, other) = (group(&user).await, group(&user).await);
    assert_eq!(
        counts(&user, one, "1,Ada,Lovelace\n2,Bea\n").await,
        [2, 0, 0]
    );
    assert_eq!(
        counts(&user, one, "+1,Aba\n1,Adah,,a@example.com\n").await,
        [1, 1, 0]
    );
    let found = contacts(&user, one).await;
    assert_eq!(found.len(), 3);
    let ada = ["first_name", "last_name", "email"].map(|field| found[0][field].clone());
    assert_eq!(ada, ["Adah", "Lovelace", "a@example.com"]);
    // The same phone in another group is another contact.
    assert_eq!(counts(&user, other, "1,Ann\n").await, [1, 0, 0]);
    assert_eq!(contacts(&user, one).await[0]["first_name"], "Adah");
}

#[tokio::test]
async fn a_phone_twice_in_a_file_is_one_contact_near_and_far() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let mut file = "7,Ada,First\n7,,Second\n".to_owned();
    for number in 0..1_700 {
        file.push_str(&format!("10{number},N\n"));
        if number == 600 {
            file.push_str("7,Third\n");
        }
    }
    file.push_str("+7,Other\n7,,,last@example.com\n");
    assert_eq!(counts(&user, group, file).await, [1_702, 3, 0]);
    let found = user
        .get(&format!("/contacts?group_id={group}&phone=7&limit=1000"))
        .await
        .ok();
    let ada: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["phone"] == "7")
        .collect();
    assert_eq!(ada.len(), 1);
    let ada = ["first_name", "last_name", "email"].map(|field| ada[0][field].clone());
    assert_eq!(ada, ["Third", "Second", "last@example.com"]);
}

#[tokio::test]
async fn a_mark_line_ends_and_latin_1_are_understood() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let file = b"\xef\xbb\xbfphone,first_name\r\n1,M\xfcller\r\n2,\xc3\x96zg\xc3\xbcr\r\n\r\n3,x";
    assert_eq!(counts(&user, group, file.to_vec()).await, [3, 0, 0]);
    let found = contacts(&user, group).await;
    let names: Vec<_> = found.iter().map(|one| one["first_name"].clone()).collect();
    assert_eq!(names, ["Müller", "Özgür", "x"]);
}

#[tokio::test]
async fn a_million_columns_cost_their_own_row_only() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let wide = vec!["1"; 1_000_000].join(",");
    let file = format!("1,Ada\n{wide}\n{}\n2,Bea\n", ",".repeat(900_000));
    assert_eq!(counts(&user, group, file).await, [2, 0, 2]);
}

#[tokio::test]
async fn what_is_no_csv_is_refused() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    for file in [&b""[..], b"\xff\xfe1\0\n\0", b"PK\x03\x04\0\0\0\0"] {
        let refused = import(&user, group, file).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["body"]);
    }
    let path = format!("/groups/{group}/csv");
    user.post(&path, json!({"phone": 1})).await.expect(415);
    let form = user
        .request("POST", &path)
        .header("content-type", "multipart/form-data; boundary=x");
    user.send(form.body("--x--")).await.expect(415);
    assert_eq!(contacts(&user, group).await.len(), 0);
}

#[tokio::test]
async fn what_goes_out_can_come_in_again() {
    let user = Server::shared().await.user(&["user"]).await;
    let (from, into) = (group(&user).await, group(&user).await);
    for (phone, name, text) in [
        ("+15550100", "=HYPERLINK(\"http://x\")", "-1+1"),
        ("03001234567", "'=quoted", "@SUM(A1),\r\n\"x\""),
        ("*100#", "Ada", "\t=1"),
    ] {
        let body = json!({
            "phone": phone, "first_name": name, "description": text, "email": "=a@example.com",
        });
        let contact = user.post("/contacts", body).await.id("contact_id");
        let link = format!("/contacts/{contact}/link/{from}");
        user.put(&link, json!({})).await.ok();
    }
    let file = export(&user, from).await;
    assert!(file.starts_with("+15550100,\"'=HYPERLINK"), "{file}");
    for danger in [",=", ",\"=", ",-", ",@", ",\"@", ",\t"] {
        assert!(!file.contains(danger), "{danger:?} is in {file}");
    }
    assert_eq!(counts(&user, into, file.clone()).await, [3, 0, 0]);
    assert_eq!(export(&user, into).await, file);
    let plain = |rows: Vec<Value>| -> Vec<Value> {
        let without_id = |mut row: Value| {
            row.as_object_mut().unwrap().remove("contact_id");
            row
        };
        rows.into_iter().map(without_id).collect()
    };
    let (before, after) = (contacts(&user, from).await, contacts(&user, into).await);
    assert_eq!(plain(after), plain(before));
}

#[tokio::test]
async fn every_spelling_does_the_same() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let sample = user.get("/groups/sample/csv").await;
    assert_eq!(sample.text().lines().count(), 2);
    let alias = user.get("/groups/import/contact_csv/sample").await;
    assert_eq!((alias.status, &alias.body), (200, &sample.body));
    let path = format!("/groups/import/contact_group/{group}");
    let request = user.request("POST", &path).body(sample.body.clone());
    let report = user.send(request).await.ok();
    assert_eq!(
        (&report["created"], &report["rejections"]),
        (&json!(2), &json!([]))
    );
    let alias = user
        .get(&format!("/groups/{group}/export/contact.csv"))
        .await;
    assert_eq!(alias.text(), export(&user, group).await);
    assert_eq!(alias.body, sample.body);
}

#[tokio::test]
async fn a_group_of_somebody_else_takes_and_gives_nothing() {
    let server = Server::shared().await;
    let (user, mallory) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let group = group(&user).await;
    import(&user, group, "1,Ada\n").await.ok();
    import(&mallory, group, "1,Eve\n2,Eve\n").await.expect(404);
    assert_eq!(
        mallory.get(&format!("/groups/{group}/csv")).await.status,
        404
    );
    // A contact that an administrator imports into a user's group belongs to that user.
    let admin = server.admin().await;
    assert_eq!(counts(&admin, group, "2,Bea\n").await, [1, 0, 0]);
    let found = contacts(&user, group).await;
    let names: Vec<_> = found.iter().map(|one| one["first_name"].clone()).collect();
    assert_eq!(names, ["Ada", "Bea"]);
    assert!(found.iter().all(|one| one["user_id"] == user.user_id));
}

#[tokio::test]
async fn who_may_only_create_changes_nothing_that_is_there() {
    let server = Server::shared().await;
    let (owner, admin) = (server.user(&["user"]).await, server.admin().await);
    let group = group(&owner).await;
    import(&owner, group, "1,Ada\n").await.ok();
    let clerk = server.user(&[]).await;
    for name in ["group_update", "group_admin", "contact_create"] {
        let permission = server.permission_id(name).await;
        let path = format!("/users/{}/permissions/{permission}", clerk.user_id);
        admin.put(&path, json!({})).await.ok();
    }
    let report = import(&clerk, group, "1,Eve\n2,Bea\n2,Cai\n").await.ok();
    assert_eq!(
        (&report["created"], &report["updated"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(report["rejected"], 2);
    assert_eq!(contacts(&owner, group).await[0]["first_name"], "Ada");
}

#[tokio::test]
async fn what_is_too_large_says_what_was_taken_in() {
    let server = Setup::embedded().set("IMPORT_LIMIT_MB", "1").start().await;
    let user = server.user(&["user"]).await;
    let group = group(&user).await;
    let note = "x".repeat(500);
    let row = |number: usize| format!("1{number},Ada,Lovelace,ada@example.com,,,,,{note}\n");
    let file: String = (0..2_500).map(row).collect();
    import(&user, group, file.clone()).await.expect(413);
    assert_eq!(contacts(&user, group).await.len(), 0, "it was announced");

    let pieces: Vec<_> = file
        .as_bytes()
        .chunks(10_000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let request = user
        .request("POST", &format!("/groups/{group}/csv"))
        .header("content-type", "text/csv")
        .body(body);
    let problem = user.send(request).await.expect(413);
    let taken = problem["created"].as_u64().unwrap();
    assert!(taken > 1_500 && taken < 2_500, "{problem}");
    let group = user.get(&format!("/groups/{group}")).await.ok();
    assert_eq!(group["contact_total"], taken);
    ReadModels::assert_whole(&server).await;
}

#[tokio::test]
async fn two_imports_into_one_group_take_turns() {
    let user = Server::shared().await.user(&["user"]).await;
    let group = group(&user).await;
    let file: String = (0..3_000).map(|number| format!("1{number},N\n")).collect();
    let both = futures::future::join_all((0..4).map(|_| {
        let (user, file) = (user.clone(), file.clone());
        async move { import(&user, group, file).await.status }
    }));
    let statuses = both.await;
    assert!(statuses.contains(&200), "{statuses:?}");
    assert!(
        statuses.iter().all(|one| [200, 423].contains(one)),
        "{statuses:?}"
    );
    let group = user.get(&format!("/groups/{group}")).await.ok();
    assert_eq!(group["contact_total"], 3_000);
}
