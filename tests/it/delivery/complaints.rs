//! Complaints: feedback reports (ARF) by mailbox providers on mails marked as unwanted.

use serde_json::json;

use crate::harness::{
    Client, Database, EventLog, Mailing, Postman, Server, Setup, SmtpSink, eventually,
    every_event_names_its_causes, seconds,
};

const ADDRESS: &str = "fbl@sender.example";

struct MailSend {
    server: Server,
    client: Client,
    sink: SmtpSink,
    mailing: Mailing,
}

impl MailSend {
    async fn set_up() -> Self {
        let database = Database::create().await;
        let sink = SmtpSink::start().await;
        let setup = Setup::on(&database).set("COMPLAINT_ADDRESS", ADDRESS);
        let server = setup.start().await;
        let client = server.admin().await;
        let provider = json!({
            "name": "mail", "type": "smtp", "host": "127.0.0.1", "port": sink.port,
            "settings": {"tls": "none", "from_domain": "sender.example"},
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

    /// Sends a mail; answers its return path.
    async fn mail(&self, to: &str) -> String {
        let transmission = self.mailing.send_to(to).await;
        let ended = self.mailing.ended(transmission).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
        let mail = self.sink.mails().pop().unwrap();
        let sender = mail
            .lines()
            .find_map(|line| line.strip_prefix("X-Mail-Args: <"));
        let sender = sender.and_then(|rest| rest.split_once('>'));
        sender.unwrap_or_else(|| panic!("{mail}")).0.to_owned()
    }

    /// Sends a feedback report on a mail, as mailbox providers do; answers the reply.
    async fn report(&self, kind: &str, return_path: &str) -> String {
        let report = format!(
            "From: Feedback <fbl@provider.example>\r\nSubject: complaint about a message\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; \
             report-type=feedback-report; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n\
             This is an abuse report.\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\n\
             Feedback-Type: {kind}\r\nUser-Agent: Provider/1.0\r\nVersion: 1\r\n\
             Original-Mail-From: <{return_path}>\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n\
             Subject: Hello\r\n\r\nHello\r\n--x--"
        );
        let port = self.server.mail_port("lmtp");
        let mut postman = Postman::greeted(port, "LHLO provider.example").await;
        postman.bring(&[ADDRESS], &report).await.remove(0)
    }
}

#[tokio::test]
async fn a_spam_complaint_opts_out() {
    let sending = MailSend::set_up().await;
    let return_path = sending.mail("ada@example.com").await;
    let wanted = sending.report("not-spam", &return_path).await;
    assert!(wanted.starts_with("250 "), "{wanted}");
    let forged = return_path.replace("bounce+1.", "bounce+2.");
    for (kind, return_path) in [("abuse", &*forged), ("abuse", ""), ("", &*return_path)] {
        let refused = sending.report(kind, return_path).await;
        assert!(
            refused.starts_with("550 "),
            "{kind} {return_path}: {refused}"
        );
    }
    assert_eq!(sending.client.get("/optouts").await.ok(), json!([]));

    for _ in 0..2 {
        let taken = sending.report("abuse", &return_path).await;
        assert!(taken.starts_with("250 "), "{taken}");
    }
    let listed = eventually("the list is closed", seconds(20), async || {
        let listed = sending.client.get("/optouts").await.ok();
        (listed != json!([])).then_some(listed)
    })
    .await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["source"], "complaint", "{listed}");
    let causes = EventLog::open(&sending.server)
        .await
        .metadata("OptOutAdded")
        .await;
    assert_eq!(
        (&causes[0]["transmission_id"], &causes[0]["spool_id"]),
        (&json!(1), &json!(1))
    );
    assert!(causes[0]["message_id"].is_string(), "{causes:?}");
    every_event_names_its_causes(&sending.server).await;
    let again = sending.mailing.send_to("ada@example.com").await;
    let ended = sending.mailing.ended(again).await;
    assert_eq!(ended["outcome"], "rejected", "{ended}");
    assert_eq!(sending.sink.count(), 1);
}
