//! Clients that go on sending, even while the server is down.

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

/// The number of concurrent clients.
const CLIENTS: usize = 6;
/// Bound on the sends that are ahead of the deliveries.
const AHEAD: usize = 300;

/// The ids of everything that the server has acknowledged.
#[derive(Debug, Default, Clone)]
pub struct Acknowledged {
    pub contacts: Vec<i64>,
    pub transmissions: Vec<i64>,
    pub spools: Vec<i64>,
}

/// Clients that send requests without pause.
#[derive(Debug)]
pub struct Storm {
    acknowledged: Arc<Mutex<Acknowledged>>,
    delivered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Storm {
    /// Starts the clients, which send the program of this mailing.
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

    /// Tells the clients the number of mails that have arrived, and answers it.
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

    /// Waits, while the clients send, until the condition is true.
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

    /// Waits, while the clients send, until this many more mails have arrived.
    pub async fn delivers(&self, recorder: &MailRecorder, more: usize) {
        let enough = self.watch(recorder) + more;
        self.until(recorder, "mails leave", async || recorder.count() >= enough)
            .await;
    }

    /// Waits for this time, while the clients send.
    pub async fn rage(&self, recorder: &MailRecorder, during: Duration) {
        let until = tokio::time::Instant::now() + during;
        while tokio::time::Instant::now() < until {
            self.watch(recorder);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the clients; answers everything that was acknowledged.
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

    /// Sends one mail to a new contact; none if the server did not accept it.
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

    /// Posts a body; answers the id from the response, none without a response or if it says to
    /// retry.
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
