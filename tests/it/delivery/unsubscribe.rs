//! The link by which recipients unsubscribe from mails.

use serde_json::{Value, json};

use crate::harness::{
    Browser, Client, Database, EventLog, Mailing, Server, Setup, SmtpSink, eventually,
    every_event_names_its_causes, seconds,
};

struct MailSend {
    server: Server,
    client: Client,
    sink: SmtpSink,
    mailing: Mailing,
}

impl MailSend {
    async fn new(settings: Value, url: Option<&str>) -> Self {
        let database = Database::create().await;
        let sink = SmtpSink::start().await;
        let mut setup = Setup::on(&database);
        if let Some(url) = url {
            setup = setup.set("URL", url);
        }
        let server = setup.start().await;
        let client = server.admin().await;
        let mut all = json!({"tls": "none", "from_domain": "sender.example"});
        let more = settings.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(more);
        let provider = json!({
            "name": "mail", "type": "smtp", "host": "127.0.0.1", "port": sink.port,
            "settings": all,
        });
        client.post("/providers", provider).await.ok();
        let mailing = Mailing::new(&client).await;
        Self {
            server,
            client,
            sink,
            mailing,
        }
    }

    async fn mail(&self, to: &str) -> String {
        let transmission = self.mailing.send_to(to).await;
        let ended = self.mailing.ended(transmission).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
        self.sink.mails().pop().unwrap()
    }

    /// The path of the link in a mail.
    fn path(mail: &str) -> String {
        let mail = mail.replace("\r\n ", " ").replace("\n ", " ");
        let header = mail
            .lines()
            .find_map(|line| line.strip_prefix("List-Unsubscribe: "));
        let url = header.unwrap_or_else(|| panic!("{mail}")).trim();
        let url = url.trim_start_matches('<').trim_end_matches('>');
        let (_, rest) = url.split_once("://").unwrap();
        format!("/{}", rest.split_once('/').unwrap().1)
    }
}

#[tokio::test]
async fn who_presses_the_button_gets_no_more_mails_and_who_looks_does() {
    let https = Some("https://ledger.example");
    let sending = MailSend::new(json!({"list_unsubscribe": "always"}), https).await;
    let mail = sending.mail("ada@example.com").await;
    assert!(
        mail.contains("List-Unsubscribe: <https://ledger.example/unsubscribe/"),
        "{mail}"
    );
    assert!(
        mail.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
        "{mail}"
    );
    let path = MailSend::path(&mail);
    let base = sending.client.url.trim_end_matches("/api").to_owned();
    let http = reqwest::Client::new();
    let looked = http.get(format!("{base}{path}")).send().await.unwrap();
    assert_eq!(looked.status(), 200);
    assert!(looked.text().await.unwrap().contains("<button>"));
    assert_eq!(sending.client.get("/optouts").await.ok(), json!([]));
    for forged in [
        path.replace("unsubscribe/1/", "unsubscribe/2/"),
        format!("{}00", &path[..path.len() - 2]),
        "/unsubscribe/1/1/zz".to_owned(),
    ] {
        let refused = http.post(format!("{base}{forged}")).send().await.unwrap();
        assert_eq!(refused.status(), 404, "{forged}");
    }
    // As a mail program does it, and repeated.
    for _ in 0..2 {
        let pressed = http
            .post(format!("{base}{path}"))
            // The link alone authorizes, from a page of any origin.
            .header("origin", "null")
            .header("sec-fetch-site", "cross-site")
            .form(&[("List-Unsubscribe", "One-Click")])
            .send()
            .await
            .unwrap();
        assert_eq!(pressed.status(), 200);
    }
    let listed = eventually("the list is closed", seconds(20), async || {
        let listed = sending.client.get("/optouts").await.ok();
        (listed != json!([])).then_some(listed)
    })
    .await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["source"], "unsubscribe", "{listed}");
    assert_eq!(listed[0]["channel"], "email", "{listed}");
    let causes = EventLog::open(&sending.server)
        .await
        .metadata("OptOutAdded")
        .await;
    assert_eq!(
        (&causes[0]["transmission_id"], &causes[0]["spool_id"]),
        (&json!(1), &json!(1))
    );
    assert!(causes[0]["causation"].is_number(), "{causes:?}");
    assert!(causes[0]["correlation_id"].is_string(), "{causes:?}");
    every_event_names_its_causes(&sending.server).await;
    let again = sending.mailing.send_to("ada@example.com").await;
    let ended = sending.mailing.ended(again).await;
    assert_eq!(ended["outcome"], "rejected", "{ended}");
    assert_eq!(sending.sink.count(), 1);
}

#[tokio::test]
async fn a_mail_to_one_has_no_link_unless_it_is_asked_for() {
    let sending = MailSend::new(json!({}), None).await;
    let mail = sending.mail("ada@example.com").await;
    assert!(!mail.contains("List-Unsubscribe"), "{mail}");
    let sending = MailSend::new(json!({"list_unsubscribe": "always"}), None).await;
    let mail = sending.mail("ada@example.com").await;
    // Mail programs support one-click unsubscription over HTTPS only.
    assert!(mail.contains("List-Unsubscribe: <http://"), "{mail}");
    assert!(!mail.contains("One-Click"), "{mail}");
}

#[tokio::test]
async fn a_verification_code_has_no_link_to_unsubscribe_by() {
    let https = Some("https://ledger.example");
    let sending = MailSend::new(json!({"list_unsubscribe": "always"}), https).await;
    let mail = sending.mail("ada@example.com").await;
    assert!(mail.contains("List-Unsubscribe: "), "{mail}");
    let user = sending.server.user(&["user"]).await;
    let accounts = user.get("/accounts").await.ok();
    let verify = format!("/accounts/{}/verify", accounts[0]["account_id"]);
    user.post(&verify, json!({"field": "email"})).await.ok();
    let code = eventually("the code arrives", seconds(60), async || {
        let mut mails = sending.sink.mails().into_iter();
        mails.find(|mail| mail.contains("Subject: Your code"))
    })
    .await;
    assert!(!code.contains("List-Unsubscribe"), "{code}");
}

#[tokio::test]
async fn a_finger_hits_the_button_to_unsubscribe() {
    let sending = MailSend::new(json!({"list_unsubscribe": "always"}), None).await;
    let mail = sending.mail("ada@example.com").await;
    let browser = Browser::start().await;
    browser.hold_as_phone(390).await;
    let url = format!("{}{}", sending.server.url, MailSend::path(&mail));
    browser.open(&url).await;
    assert_eq!(browser.text("button").await, "Unsubscribe");
    let size = "const size = document.querySelector('button').getBoundingClientRect(); \
        return Math.min(size.width, size.height)";
    let size = browser.run(size).await.as_f64().unwrap();
    assert!(size >= 44.0, "{size}");
    let mut said = browser.console().await;
    said.retain(|line| !line.contains("favicon"));
    assert!(said.is_empty(), "{said:#?}");
}
