//! Clients that go on sending, whatever happens to the server.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::{Client, MailRecorder, Mailing, TIMEOUT, eventually};

/// How many clients send at the same time.
const CLIENTS: usize = 6;
/// How far they may be ahead of what has been delivered.
const AHEAD: usize = 300;

/// What the server has said yes to.
#[derive(Debug, Default, Clone)]
pub struct Acknowledged {
    pub contacts: Vec<i64>,
    pub transmissions: Vec<i64>,
    pub spools: Vec<i64>,
}

/// A storm of requests.
#[derive(Debug)]
pub struct Storm {
    acknowledged: Arc<Mutex<Acknowledged>>,
    delivered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Storm {
    /// Begins to send, as this mailing does.
    pub fn over(mailing: &Mailing) -> Self {
        let mut storm = Self {
            acknowledged: Arc::default(),
            delivered: Arc::default(),
            over: Arc::default(),
            clients: Vec::new(),
        };
        for number in 0..CLIENTS {
            let sender = Sender {
                client: mailing.client.clone(),
                program_id: mailing.program_id,
                acknowledged: Arc::clone(&storm.acknowledged),
                delivered: Arc::clone(&storm.delivered),
                over: Arc::clone(&storm.over),
            };
            storm.clients.push(tokio::spawn(sender.run(number)));
        }
        storm
    }

    /// Tells the clients how many mails have arrived, and answers it.
    pub fn watch(&self, recorder: &MailRecorder) -> usize {
        let count = recorder.count();
        self.delivered.store(count, Ordering::Relaxed);
        if let Some(client) = self.clients.iter().find(|client| client.is_finished()) {
            assert!(
                self.over.load(Ordering::Relaxed),
                "a client gave up: {client:?}"
            );
        }
        count
    }

    /// Goes on until it is so.
    pub async fn until(
        &self,
        recorder: &MailRecorder,
        what: &str,
        mut is: impl AsyncFnMut() -> bool,
    ) {
        eventually(what, TIMEOUT, async || {
            self.watch(recorder);
            is().await.then_some(())
        })
        .await;
    }

    /// Goes on until so many more mails have arrived.
    pub async fn delivers(&self, recorder: &MailRecorder, more: usize) {
        let enough = self.watch(recorder) + more;
        self.until(recorder, "mails leave", async || recorder.count() >= enough)
            .await;
    }

    /// Goes on for this long.
    pub async fn rage(&self, recorder: &MailRecorder, during: Duration) {
        let until = tokio::time::Instant::now() + during;
        while tokio::time::Instant::now() < until {
            self.watch(recorder);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it; what was acknowledged.
    pub async fn calm(self) -> Acknowledged {
        self.over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client
                .await
                .expect("a client that was answered as documented");
        }
        let acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.clone()
    }
}

struct Sender {
    client: Client,
    program_id: i64,
    acknowledged: Arc<Mutex<Acknowledged>>,
    delivered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Sender {
    async fn run(self, number: usize) {
        for round in 0.. {
            while !self.over.load(Ordering::Relaxed) && self.is_ahead() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            if self
                .send(&format!("s{number}r{round}@example.com"))
                .await
                .is_none()
            {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
    }

    fn is_ahead(&self) -> bool {
        let sent = self.acknowledged.lock().unwrap().spools.len();
        sent > self.delivered.load(Ordering::Relaxed) + AHEAD
    }

    /// One mail to a new contact; nothing if the server did not answer.
    async fn send(&self, email: &str) -> Option<()> {
        let contact = json!({"first_name": "Storm", "phone": "1", "email": email});
        let contact = self.post("/contacts", contact, "contact_id").await?;
        self.acknowledged.lock().unwrap().contacts.push(contact);
        let order = json!({"contact_id": contact, "program_id": self.program_id, "title": "storm"});
        let transmission = self
            .post("/transmissions", order, "transmission_id")
            .await?;
        self.acknowledged
            .lock()
            .unwrap()
            .transmissions
            .push(transmission);
        let path = format!("/transmissions/{transmission}/send");
        let spool = self.post(&path, json!({}), "spool_id").await?;
        self.acknowledged.lock().unwrap().spools.push(spool);
        Some(())
    }

    /// The id it is answered; nothing if there is no answer, or "later".
    async fn post(&self, path: &str, body: Value, field: &str) -> Option<i64> {
        let request = self
            .client
            .request("POST", path)
            .timeout(Duration::from_secs(20))
            .json(&body);
        let answer = self.client.try_send(request).await.ok()?;
        if answer.status == 503 {
            assert!(
                answer.header("retry-after").is_some(),
                "{path}: a 503 without Retry-After"
            );
            return None;
        }
        Some(answer.id(field))
    }
}
