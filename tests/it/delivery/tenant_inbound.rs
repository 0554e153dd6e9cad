//! What comes in for one of several companies: a provider of a company brings in only what is for
//! its own accounts, and mail in a company's domain is that company's.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{
    Brings, Centre, Client, Company, Database, Postman, Receiving, Server, Setup, eventually,
    seconds, unique, unique_name,
};

/// Two companies, of which the other one receives at a number.
struct Neighbours {
    server: Server,
    operator: Client,
    one: Company,
    other: Company,
    inbox: Receiving,
}

/// A part of two of a long message, as a callback has it.
const FIRST_PART: &str = "from=%2B4930999&data=half&udh=%05%00%03%09%02%01";
/// A number that nobody has.
const NOBODYS: &str = "+49307777777";

impl Neighbours {
    async fn new() -> Self {
        let database = Database::create().await;
        let setup = Setup::on(&database).set("PROVIDER_NETWORKS", "127.0.0.0/8");
        let server = setup.start().await;
        let operator = server.admin().await;
        let (one, other) = (Company::on(&server).await, Company::on(&server).await);
        let number = format!("+4930{:07}", unique());
        let numbers = json!({"numbers": [number]});
        operator
            .put(&format!("/tenants/{}", other.tenant_id), numbers)
            .await
            .ok();
        let inbox = Receiving::new(&other.admin, "receivesms", "phone", number).await;
        Self {
            server,
            operator,
            one,
            other,
            inbox,
        }
    }

    fn nobody(&self) -> Receiving {
        Receiving::at(&self.operator, 0, NOBODYS)
    }

    async fn arrived(&self) -> usize {
        self.inbox.rows(&self.other.admin).await.len()
    }

    /// A message centre to which a provider of this client's company is bound.
    async fn bound(&self, client: &Client) -> Centre {
        let centre = Centre::start(&json!({}));
        let provider = json!({
            "name": unique_name("centre"), "type": "smpp", "host": "127.0.0.1",
            "port": centre.port, "username": "ledgerline",
        });
        client.post("/providers", provider).await.ok();
        centre.said("bind", 1).await;
        centre
    }
}

#[tokio::test]
async fn a_companys_callback_refuses_another_companys_number_as_unknown() {
    let neighbours = Neighbours::new().await;
    let (inbox, nobody) = (&neighbours.inbox, neighbours.nobody());
    let by: Brings = inbox.kannel(&neighbours.one.admin).await;
    for query in [
        "from=%2B4930999&data=hello&id=one",
        "from=%2B4930999&data=STOP&id=two",
        "from=%2B4930999&data=hello",
        FIRST_PART,
    ] {
        let unknown = nobody.brought(&by, query).await;
        assert_eq!(unknown, StatusCode::NOT_FOUND, "{query}");
        assert_eq!(inbox.brought(&by, query).await, unknown, "{query}");
    }
    assert_eq!(neighbours.arrived().await, 0);
    let listed = neighbours.other.admin.get("/optouts").await.ok();
    assert_eq!(listed, json!([]), "their recipients' wishes are not theirs");
    // Its own provider and the installation's bring it in.
    for client in [&neighbours.other.admin, &neighbours.operator] {
        let by = inbox.kannel(client).await;
        let words = unique_name("hello");
        inbox
            .bring(&by, &format!("from=%2B4930999&data={words}"))
            .await;
    }
    inbox.arrived(&neighbours.other.admin, 2).await;
}

#[tokio::test]
async fn a_companys_smsc_refuses_another_companys_number_as_unknown() {
    let neighbours = Neighbours::new().await;
    let centre = neighbours.bound(&neighbours.one.admin).await;
    let header = [5, 0, 3, 9, 2, 1];
    let part = hex::encode([&header[..], b"half"].concat());
    let whole = hex::encode(b"hello");
    let mut sent = 0;
    for (octets, class) in [(&whole, 0), (&part, 0x40)] {
        let mut answers = Vec::new();
        for to in [NOBODYS, &neighbours.inbox.address] {
            let to = to.trim_start_matches('+');
            let message = json!({"from": "4930999", "to": to, "hex": octets, "esm_class": class});
            centre.deliver(&message);
            sent += 1;
            let answer = centre.said("delivered", sent).await;
            answers.push(answer[sent - 1]["status"].clone());
        }
        assert_ne!(answers[0], 0);
        assert_eq!(answers[0], answers[1]);
    }
    assert_eq!(neighbours.arrived().await, 0);
    let own = neighbours.bound(&neighbours.other.admin).await;
    let to = neighbours.inbox.address.trim_start_matches('+');
    own.deliver(&json!({"from": "4930999", "to": to, "hex": whole}));
    neighbours.inbox.arrived(&neighbours.other.admin, 1).await;
}

/// The reply for a recipient, once the read models have caught up with the log.
async fn answered(server: &Server, to: &str) -> String {
    eventually("the mail is accepted or refused", seconds(30), async || {
        let mut postman = Postman::greeted(server.mail_port("lmtp"), "LHLO tests").await;
        let answers = postman.bring(&[to], "Subject: hi\r\n\r\nhello").await;
        Some(answers[0].clone()).filter(|answer| !answer.starts_with('4'))
    })
    .await
}

#[tokio::test]
async fn mail_in_a_companys_domain_is_taken_for_that_company_only() {
    let neighbours = Neighbours::new().await;
    let (one, other) = (&neighbours.one, &neighbours.other);
    let domain = format!("{}.example", unique_name("mail")).to_lowercase();
    let addresses = [format!("one@{domain}"), format!("other@{domain}")];
    let [theirs, own] = &addresses;
    // Assigned by the operator, before the domain was listed.
    let inbox = Receiving::new(&one.admin, "receiveemail", "email", theirs.clone()).await;
    let account = format!("/accounts/{}/assign", inbox.account_id);
    let assigned = json!({"field": "email", "address": theirs});
    neighbours.operator.post(&account, assigned).await.ok();
    let server = &neighbours.server;
    assert!(answered(server, theirs).await.starts_with("250"));
    let path = format!("/tenants/{}", other.tenant_id);
    let listed = json!({"mail_domains": [domain]});
    neighbours.operator.put(&path, listed).await.ok();

    let nobody = answered(server, &format!("nobody@{domain}")).await;
    assert!(nobody.starts_with("550"), "{nobody}");
    assert_eq!(answered(server, theirs).await, nobody);
    Receiving::new(&other.admin, "receiveemail", "email", own.clone()).await;
    assert!(answered(server, own).await.starts_with("250"));
    // Nor can it be verified any more.
    let verify = format!("/accounts/{}/verify", inbox.account_id);
    let refused = one.admin.post(&verify, json!({"field": "email"})).await;
    assert_eq!(refused.expect(412)["detail"], "email: is already in use");
    let taken = inbox.rows(&one.admin).await;
    assert_eq!(taken.len(), 1, "what came before stays: {taken:?}");
}
