//! Aggregates of every kind, for routes with ids.

use std::{collections::HashMap, sync::Mutex};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{
    examples::{self, Example},
    routes::{self, Route},
};
use crate::harness::{
    Calling, Client, Mailing, Postman, Receiving, Server, eventually, seconds, unique_name,
};

/// A client that creates aggregates.
pub struct Things {
    pub client: Client,
    lmtp: Option<u16>,
    known: Mutex<HashMap<String, i64>>,
    description: OnceCell<Value>,
}

impl Things {
    /// The administrator's, on this server, with the sandbox as the only provider.
    pub async fn on(server: &Server) -> Self {
        let client = server.admin().await;
        let sandbox = json!({"name": unique_name("sandbox"), "type": "sandbox", "active": 1});
        client.post("/providers", sandbox).await.ok();
        let things = Self {
            lmtp: Some(server.mail_port("lmtp")),
            ..Self::create(&client)
        };
        // A program that others can have as parent.
        things.any("program").await;
        things
    }

    /// Adds an existing aggregate, which [`Things::any`] then answers.
    pub fn knows(&self, kind: &str, id: i64) {
        self.known.lock().unwrap().insert(kind.to_owned(), id);
    }

    /// This client's, on a server that has the sandbox already.
    pub fn create(client: &Client) -> Self {
        Self {
            client: client.clone(),
            lmtp: None,
            known: Mutex::default(),
            description: OnceCell::new(),
        }
    }

    /// An aggregate of this kind that is shared and not deleted.
    pub async fn any(&self, kind: &str) -> i64 {
        let known = self.known.lock().unwrap().get(kind).copied();
        if let Some(id) = known {
            return id;
        }
        let id = Box::pin(self.fresh(kind)).await;
        self.known.lock().unwrap().insert(kind.to_owned(), id);
        id
    }

    /// A new aggregate, created as documented, in a state in which all its routes can be used.
    pub async fn fresh(&self, kind: &str) -> i64 {
        match kind {
            "contact" => self.contact("ada@example.com").await,
            "transmission" => self.transmission("ada@example.com").await,
            "spool" => self.sent("ada@example.com").await.1,
            "cdr" => self.called().await,
            "schedule" => {
                let transmission = Box::pin(self.fresh("transmission")).await;
                let path = format!("/transmissions/{transmission}/schedule");
                let later = json!({"delay": 3600});
                self.client.put(&path, later).await.id("schedule_id")
            }
            "optout" => {
                let email = format!("{}@example.com", unique_name("optout"));
                self.post("/optouts", json!({"email": email}), kind).await
            }
            _ => {
                let (path, body) = self.as_documented(kind).await;
                let id = self.post(&path, body, kind).await;
                let media = match kind {
                    "group" => {
                        let path = format!("/contacts/{}/link/{id}", self.any("contact").await);
                        self.client.put(&path, json!({})).await.ok();
                        return id;
                    }
                    "document" => ("application/pdf", one_page()),
                    "recording" => ("audio/wav", a_second()),
                    "template" => ("text/plain", b"attached".to_vec()),
                    _ => return id,
                };
                let path = format!("{path}/{id}/media");
                self.client.upload(&path, media.0, media.1).await.ok();
                id
            }
        }
    }

    /// The number of a DID.
    pub async fn number_of_did(&self) -> String {
        let did = format!("/pbx/dids/{}", self.any("did").await);
        let did = self.client.get(&did).await.ok();
        did["number"]
            .as_str()
            .unwrap()
            .trim_start_matches('+')
            .to_owned()
    }

    /// The path and the body with which the document, or else our own description, creates an
    /// aggregate of this kind.
    async fn as_documented(&self, kind: &str) -> (String, Value) {
        let operation = match kind {
            "program" => "program.create.sendemail".to_owned(),
            kind => format!("{kind}.create"),
        };
        let route = routes::operation(&operation).unwrap_or_else(|| panic!("no {operation}"));
        let body = match examples::documented(route.method, route.path) {
            Some(example) => self.filled(&example, kind).await,
            None => self.described(route).await,
        };
        (route.path.to_owned(), body.unwrap())
    }

    /// The body in our own description of this route, if there is one.
    pub async fn described(&self, route: Route) -> Option<Value> {
        let example = examples::described(self.description().await, route)?;
        self.filled(&example, "described").await
    }

    /// Our own description of all routes.
    pub async fn description(&self) -> &Value {
        let read = async || self.client.get("/openapi.json").await.ok();
        self.description.get_or_init(read).await
    }

    /// The body of an example, with existing aggregates in the place of references.
    async fn filled(&self, example: &Example, name: &str) -> Option<Value> {
        let ids = self.referred(example).await;
        example.body(&|field| ids.get(field).copied(), &unique_name(name))
    }

    /// The id of an aggregate for each field that is a reference.
    pub async fn referred(&self, example: &Example) -> HashMap<String, i64> {
        let mut ids = HashMap::new();
        for (field, kind) in example.references() {
            // A first program has no parent.
            let parent = field == "parent_id" && !self.has("program");
            ids.insert(
                field,
                if parent {
                    0
                } else {
                    Box::pin(self.any(kind)).await
                },
            );
        }
        ids
    }

    fn has(&self, kind: &str) -> bool {
        self.known.lock().unwrap().contains_key(kind)
    }

    /// A campaign that runs until it is stopped: its second contact waits for a quarter of an hour.
    pub async fn endless_campaign(&self) -> i64 {
        let group = self.fresh("group").await;
        let second = self.contact("second@example.com").await;
        let link = format!("/contacts/{second}/link/{group}");
        self.client.put(&link, json!({})).await.ok();
        let body = json!({
            "program_id": self.any("program").await, "group_id": group, "cpm": 0.001,
        });
        let id = self.post("/campaigns", body, "campaign").await;
        let start = format!("/campaigns/{id}/start");
        self.client.put(&start, json!({})).await.ok();
        id
    }

    /// A contact with this address.
    pub async fn contact(&self, email: &str) -> i64 {
        let (path, mut body) = self.as_documented("contact").await;
        body["email"] = json!(email);
        self.post(&path, body, "contact").await
    }

    /// A transmission to this contact, not yet sent.
    async fn to(&self, contact: i64) -> i64 {
        let (path, mut body) = self.as_documented("transmission").await;
        body["contact_id"] = json!(contact);
        self.post(&path, body, "transmission").await
    }

    /// A transmission to this address, not yet sent.
    pub async fn transmission(&self, email: &str) -> i64 {
        let contact = self.contact(email).await;
        self.to(contact).await
    }

    /// A transmission to this address that has ended, and its attempt.
    pub async fn sent(&self, email: &str) -> (i64, i64) {
        let transmission = self.transmission(email).await;
        let mailing = self.mailing().await;
        let spool = mailing.send(transmission).await;
        mailing.ended(transmission).await;
        (transmission, spool)
    }

    /// The record of a call that was answered.
    async fn called(&self) -> i64 {
        let calling = Calling::new(&self.client).await;
        let spool = calling.call("15550100").await.spool;
        let path = format!("/pbx/cdrs/{spool}");
        eventually("the call has a record", seconds(60), async || {
            (self.client.get(&path).await.status == 200).then_some(spool)
        })
        .await
    }

    /// An inbound SMS transmission.
    pub async fn received(&self) -> i64 {
        let receiving = Receiving::sms(&self.client).await;
        let provider = receiving.kannel(&self.client).await;
        receiving.bring(&provider, "from=%2B4930999&data=hi").await;
        let row = receiving.arrived(&self.client, 1).await.remove(0);
        row["transmission_id"].as_i64().unwrap()
    }

    /// The number of an account that receives faxes.
    pub async fn fax_number(&self) -> String {
        let number = format!("+4930{:07}", crate::harness::unique());
        Receiving::new(&self.client, "receivefax", "phone", number)
            .await
            .address
    }

    /// An inbound mail transmission with an attachment.
    pub async fn mailed(&self) -> i64 {
        let receiving = Receiving::mail(&self.client).await;
        let lmtp = self.lmtp.expect("a server of its own");
        let mut postman = Postman::greeted(lmtp, "LHLO tests").await;
        let mail = "From: ada@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
            --x\r\n\r\nhello\r\n--x\r\nContent-Type: text/csv\r\n\
            Content-Disposition: attachment; filename=a.csv\r\n\r\na,b\r\n--x--";
        let answers = postman.bring(&[&receiving.address], mail).await;
        assert!(answers[0].starts_with("250"), "{answers:?}");
        let row = receiving.arrived(&self.client, 1).await.remove(0);
        row["transmission_id"].as_i64().unwrap()
    }

    async fn mailing(&self) -> Mailing {
        Mailing {
            client: self.client.clone(),
            template_id: self.any("template").await,
            program_id: self.any("program").await,
        }
    }

    async fn post(&self, path: &str, body: Value, kind: &str) -> i64 {
        self.client.post(path, body).await.id(&format!("{kind}_id"))
    }
}

/// A PDF of one empty page.
pub fn one_page() -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    ];
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf += &format!("{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let start = pdf.len();
    pdf += &format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        pdf += &format!("{offset:010} 00000 n \n");
    }
    pdf += &format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    pdf.into_bytes()
}

/// A WAV of a second of silence: 16 bits, 8 kHz, mono.
pub fn a_second() -> Vec<u8> {
    let (rate, samples) = (8_000_u32, vec![0_u8; 16_000]);
    let size = u32::try_from(samples.len()).unwrap();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + size).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    for number in [1_u16, 1] {
        wav.extend(number.to_le_bytes());
    }
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    for number in [2_u16, 16] {
        wav.extend(number.to_le_bytes());
    }
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(samples);
    wav
}
