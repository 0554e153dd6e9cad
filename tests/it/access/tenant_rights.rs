//! Rights of users in tenants beside their home, and what becomes of their things when they leave.

use serde_json::{Value, json};

use crate::harness::{
    Client, Company, Database, Server, Setup, USER_PASSWORD, eventually, sandbox_provider, seconds,
    unique_name,
};

/// Assigns a user to another company and gives them this role there.
async fn assign(operator: &Client, user: i64, company: &Company, role: i64) {
    let tenant = company.tenant_id;
    let assignment = format!("/users/{user}/tenants/{tenant}");
    operator.put(&assignment, json!({})).await.ok();
    let role = format!("/users/{user}/roles/{role}?tenant_id={tenant}");
    company.admin.put(&role, json!({})).await.ok();
}

/// A user at home in the company with role user and these permissions.
async fn assistant(server: &Server, company: &Company, permissions: &[&str]) -> Client {
    let user = company.user(server).await;
    for name in permissions {
        let permission = server.permission_id(name).await;
        let path = format!("/users/{}/permissions/{permission}", user.user_id);
        company.admin.put(&path, json!({})).await.ok();
    }
    user
}

#[tokio::test]
async fn a_right_is_taken_by_what_both_hold_in_its_tenant() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let operator = server.admin().await;
    let (guest, role) = (one.admin.user_id, server.role_id("user").await);
    assign(&operator, guest, &other, role).await;
    let there = format!("tenant_id={}", other.tenant_id);
    // The guest holds everything at home, and role user here.
    let helper = assistant(&server, &other, &["user_update", "user_admin"]).await;
    let taken = format!("/users/{guest}/roles/{role}?{there}");
    helper.delete(&taken).await.ok();
    let template = server.permission_id("template_admin").await;
    let given = format!("/users/{guest}/permissions/{template}?{there}");
    other.admin.put(&given, json!({})).await.ok();
    helper.delete(&given).await.expect(403);
    other.admin.delete(&given).await.ok();
    // Their rights at home, and they themselves, stay out of reach.
    let at_home = format!("/users/{guest}/permissions/{template}");
    for path in [at_home, format!("/users/{guest}")] {
        assert_eq!(other.admin.delete(&path).await.status, 404, "{path}");
    }
    let password = json!({"password": "taken-over-by-them"});
    let path = format!("/users/{guest}/password");
    assert_eq!(other.admin.put(&path, password).await.status, 404);
}

#[tokio::test]
async fn nobody_takes_a_right_from_an_administrator_of_the_installation() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let operator = server.admin().await;
    let permission = server.permission_id("contact_admin").await;
    let right = format!(
        "/users/{}/permissions/{permission}?tenant_id={}",
        operator.user_id, company.tenant_id
    );
    operator.put(&right, json!({})).await.ok();
    company.admin.delete(&right).await.expect(403);
    operator.delete(&right).await.ok();
}

/// What a user needs to send a mail within another company.
struct Abroad {
    user: Client,
    tenant: i64,
    program: i64,
    account: i64,
}

impl Abroad {
    async fn new(user: Client, company: &Company) -> Self {
        let tenant = company.tenant_id;
        let within = |mut fields: Value| {
            fields["tenant_id"] = json!(tenant);
            fields
        };
        let template = json!({"name": "news", "subject": "news", "body": "news"});
        let template = user.post("/messages/templates", within(template)).await;
        let program = json!({"template_id": template.id("template_id")});
        let program = user.post("/programs/sendemail", within(program)).await;
        let account = json!({"username": unique_name("abroad"), "active": 1});
        let account = user.post("/accounts", within(account)).await;
        Self {
            tenant,
            program: program.id("program_id"),
            account: account.id("account_id"),
            user,
        }
    }

    async fn contact(&self, email: &str) -> i64 {
        let contact = json!({
            "first_name": "Ada", "phone": "+15550100", "email": email, "tenant_id": self.tenant,
        });
        self.user.post("/contacts", contact).await.id("contact_id")
    }

    async fn queue(&self) -> i64 {
        let order = json!({
            "contact_id": self.contact("queued@example.com").await, "program_id": self.program,
            "account_id": self.account, "tenant_id": self.tenant,
        });
        let sent = self.user.post("/transmissions", order).await;
        let sent = sent.id("transmission_id");
        let path = format!("/transmissions/{sent}/send");
        self.user.post(&path, json!({})).await.ok();
        sent
    }

    async fn campaign(&self) -> i64 {
        let group = json!({"name": "abroad", "tenant_id": self.tenant});
        let group = self.user.post("/groups", group).await.id("group_id");
        for n in 0..3 {
            let contact = self.contact(&format!("member{n}@example.com")).await;
            let link = format!("/contacts/{contact}/link/{group}");
            self.user.put(&link, json!({})).await.ok();
        }
        let campaign = json!({
            "group_id": group, "program_id": self.program, "account_id": self.account, "cpm": 1,
            "tenant_id": self.tenant,
        });
        let campaign = self.user.post("/campaigns", campaign).await;
        let campaign = campaign.id("campaign_id");
        let path = format!("/campaigns/{campaign}/start");
        self.user.put(&path, json!({})).await.ok();
        campaign
    }
}

#[tokio::test]
async fn what_somebody_leaves_in_a_tenant_is_stopped_with_the_reason() {
    let database = Database::create().await;
    let part = |role: &str| Setup::on(&database).set("ROLE", role);
    let _projector = part("projector").spawn();
    let api = part("api").start().await;
    let (one, other) = (Company::on(&api).await, Company::on(&api).await);
    let operator = api.admin().await;
    sandbox_provider(&operator).await;
    let user = one.user(&api).await;
    assign(&operator, user.user_id, &other, api.role_id("user").await).await;
    let account_create = api.permission_id("account_create").await;
    let right = format!("/users/{}/permissions/{account_create}", user.user_id);
    let right = format!("{right}?tenant_id={}", other.tenant_id);
    other.admin.put(&right, json!({})).await.ok();
    let abroad = Abroad::new(user.clone(), &other).await;
    let (queued, campaign) = (abroad.queue().await, abroad.campaign().await);
    let assignment = format!("/users/{}/tenants/{}", user.user_id, other.tenant_id);
    operator.delete(&assignment).await.ok();

    let _worker = part("worker").spawn();
    let reason = "its owner was taken out of the tenant";
    let path = format!("/campaigns/{campaign}");
    let broken = eventually("it is broken", seconds(60), async || {
        let row = other.admin.get(&path).await.ok();
        (row["status"] == "broken").then_some(row)
    })
    .await;
    assert_eq!(broken["reason"], reason, "{broken}");
    let path = format!("/events?aggregate_type=transmission&aggregate_id={queued}");
    let last = eventually("it is suppressed", seconds(60), async || {
        let events = operator.get(&path).await.ok();
        let last = events.as_array()?.last()?.clone();
        (last["event_type"] == "TransmissionSuppressed").then_some(last)
    })
    .await;
    let said = &last["payload"]["TransmissionSuppressed"]["reason"];
    assert_eq!(said, reason, "{last}");
    let start = format!("/campaigns/{campaign}/start");
    let refused = other.admin.put(&start, json!({})).await.expect(423);
    assert_eq!(refused["detail"], reason);
    // At home the user goes on.
    let name = user.get(&format!("/users/{}", user.user_id)).await.ok();
    let name = name["username"].as_str().unwrap();
    api.stranger().login(name, USER_PASSWORD).await;
    user.contact("home@example.com").await;
}
