//! Routes that take two permissions: both must be held within the tenant of the thing.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Company, Mailing, Server, sandbox_provider, unique_name};

/// A user at home in one company, with role user there, who is assigned to another company too.
struct Guest {
    server: Server,
    operator: Client,
    home: Company,
    other: Company,
    user: Client,
}

impl Guest {
    async fn new() -> Self {
        let server = Server::alone().await;
        let (home, other) = (Company::on(&server).await, Company::on(&server).await);
        let (operator, user) = (server.admin().await, home.user(&server).await);
        let assigned = format!("/users/{}/tenants/{}", user.user_id, other.tenant_id);
        operator.put(&assigned, json!({})).await.ok();
        Self {
            server,
            operator,
            home,
            other,
            user,
        }
    }

    async fn grant(&self, company: &Company, permissions: &[&str]) {
        for permission in permissions {
            let id = self.server.permission_id(permission).await;
            let (user, tenant) = (self.user.user_id, company.tenant_id);
            let path = format!("/users/{user}/permissions/{id}?tenant_id={tenant}");
            self.operator.put(&path, json!({})).await.ok();
        }
    }

    async fn grant_there(&self, permissions: &[&str]) {
        self.grant(&self.other, permissions).await;
    }
}

async fn import(client: &Client, group: i64, file: &'static str) -> Answer {
    let request = client.request("POST", &format!("/groups/{group}/csv"));
    let request = request.header("content-type", "text/csv");
    client.send(request.body(file)).await
}

#[tokio::test]
async fn an_import_into_a_group_takes_the_rights_to_contacts_within_its_tenant() {
    let guest = Guest::new().await;
    guest.grant_there(&["group", "contact_read"]).await;
    let group = json!({"name": "list", "tenant_id": guest.other.tenant_id});
    let group = guest.user.post("/groups", group).await.id("group_id");
    let refused = import(&guest.user, group, "+1555100,Eve\n").await;
    let said = refused.expect(403)["detail"].to_string();
    assert!(said.contains("contact_create"), "{said}");
    guest.grant_there(&["contact_create"]).await;
    let taken = import(&guest.user, group, "+1555100,Eve\n").await;
    assert_eq!(taken.ok()["created"], 1);
    let again = import(&guest.user, group, "+1555100,Changed\n").await;
    assert_eq!(
        again.ok()["rejected"],
        1,
        "contact_update is held at home only"
    );
    guest.grant_there(&["contact_update"]).await;
    let again = import(&guest.user, group, "+1555100,Changed\n").await;
    assert_eq!(again.ok()["updated"], 1);
}

#[tokio::test]
async fn attempts_and_results_are_read_with_the_rights_within_their_tenant() {
    let guest = Guest::new().await;
    let (there, user) = (&guest.other.admin, &guest.user);
    sandbox_provider(&guest.operator).await;
    let contact = there.contact("ada@example.com").await;
    let transmission = Mailing::new(there).await.to(contact).await;
    let path = format!("/transmissions/{transmission}/send");
    let sent = there.post(&path, json!({})).await;
    let spool = sent.id("spool_id");
    guest
        .grant_there(&["transmission_read", "transmission_admin", "spool_read"])
        .await;
    user.get(&format!("/transmissions/{transmission}"))
        .await
        .ok();
    for (path, permission) in [
        (
            format!("/transmissions/{transmission}/detail"),
            "spool_list",
        ),
        (
            format!("/transmissions/{transmission}/result"),
            "result_list",
        ),
        (format!("/spools/{spool}/result"), "result_read"),
    ] {
        let said = user.get(&path).await.expect(403)["detail"].to_string();
        assert!(said.contains(permission), "{path}: {said}");
        guest.grant_there(&[permission]).await;
        user.get(&path).await.ok();
    }
}

#[tokio::test]
async fn statistics_count_within_the_tenants_where_they_may_be_read() {
    let guest = Guest::new().await;
    guest.other.admin.contact("ada@example.com").await;
    guest.grant_there(&["contact_list", "contact_admin"]).await;
    let total = async || guest.user.get("/statistics").await.ok()["contact_total"].clone();
    assert_eq!(total().await, 0);
    guest.grant_there(&["statistic_read"]).await;
    assert_eq!(total().await, 1);
}

#[tokio::test]
async fn an_account_is_given_and_taken_with_the_rights_within_its_tenant() {
    let guest = Guest::new().await;
    guest.grant_there(&["account", "account_admin"]).await;
    guest
        .grant(&guest.home, &["user_update", "user_admin"])
        .await;
    let account = json!({"username": unique_name("desk")});
    let account = guest.other.admin.post("/accounts", account).await;
    let account = account.id("account_id");
    let users = format!("/accounts/{account}/users");
    let given = format!("{users}/{}", guest.user.user_id);
    guest.user.put(&given, json!({})).await.expect(403);
    guest.operator.put(&given, json!({})).await.ok();
    guest.user.delete(&users).await.expect(403);
    guest.grant_there(&["user_update"]).await;
    guest.user.put(&given, json!({})).await.ok();
    guest.user.delete(&users).await.ok();
}

#[tokio::test]
async fn a_contact_is_opted_out_by_those_who_may_read_it() {
    let guest = Guest::new().await;
    guest
        .grant_there(&["contact_create", "optout_create"])
        .await;
    let contact =
        json!({"phone": "15550199", "first_name": "Ada", "tenant_id": guest.other.tenant_id});
    let contact = guest.user.post("/contacts", contact).await.id("contact_id");
    let wanted: Value = json!({"contact_id": contact});
    let refused = guest.user.post("/optouts", wanted.clone()).await;
    assert_eq!(refused.fields(), ["contact_id"], "{}", refused.text());
    guest.grant_there(&["contact_read"]).await;
    guest.user.post("/optouts", wanted).await.ok();
}
