//! What has to be there before a campaign can run, and what came of one.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::query_as;

use super::{
    Answer, Client, EventLog, Mailing, Server, TIMEOUT, eventually, sandbox_provider, unique,
    unique_name, while_it_moves,
};

/// A user's mail program, to make campaigns of.
#[derive(Debug, Clone)]
pub struct Campaigning {
    pub client: Client,
    pub program_id: i64,
}

impl Campaigning {
    pub async fn of(client: &Client) -> Self {
        Self {
            client: client.clone(),
            program_id: Mailing::of(client).await.program_id,
        }
    }

    /// The first user's, on a server of the test's own, which gets a sandbox to send by.
    pub async fn on(server: &Server) -> Self {
        let admin = server.admin().await;
        sandbox_provider(&admin).await;
        Self::of(&admin).await
    }

    /// A group of so many contacts, whom the sandbox delivers to.
    pub async fn group(&self, count: usize) -> i64 {
        let run = unique();
        let emails = (0..count).map(|n| format!("c{run}n{n}@example.com"));
        self.group_of(&emails.collect::<Vec<_>>()).await
    }

    /// A group with a contact for each of these addresses, in this order; an empty one is
    /// a contact without.
    pub async fn group_of<S: AsRef<str>>(&self, emails: &[S]) -> i64 {
        let group = json!({"name": unique_name("group")});
        let group_id = self.client.post("/groups", group).await.id("group_id");
        let rows: String = emails
            .iter()
            .enumerate()
            .map(|(n, email)| format!("+1555{n:07},Ada,Lovelace,{}\n", email.as_ref()))
            .collect();
        if !rows.is_empty() {
            let path = format!("/groups/{group_id}/csv");
            let request = self.client.request("POST", &path);
            let request = request.header("content-type", "text/csv");
            let report = self.client.send(request.body(rows)).await.ok();
            assert_eq!(report["created"], emails.len(), "{report}");
        }
        group_id
    }

    /// The contacts of a group by address, in the order in which they were made.
    pub async fn contacts(&self, group_id: i64) -> Vec<(String, i64)> {
        let path = format!("/groups/{group_id}/contacts?sort=contact_id");
        let list = self.client.get(&path).await.ok();
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| {
            let email = row["email"].as_str().unwrap_or_default().to_owned();
            (email, row["contact_id"].as_i64().unwrap())
        })
        .collect()
    }

    /// A contact with these fields in a group.
    pub async fn member(&self, group_id: i64, fields: Value) -> i64 {
        let contact = self.client.post("/contacts", fields).await.id("contact_id");
        let link = format!("/contacts/{contact}/link/{group_id}");
        self.client.put(&link, json!({})).await.ok();
        contact
    }

    /// A campaign for this group with these fields beside, not yet started.
    pub async fn campaign(&self, group_id: i64, mut fields: Value) -> i64 {
        fields["group_id"] = json!(group_id);
        if fields["program_id"].is_null() {
            fields["program_id"] = json!(self.program_id);
        }
        self.client
            .post("/campaigns", fields)
            .await
            .id("campaign_id")
    }

    /// A campaign for this group with these fields beside, that runs.
    pub async fn running(&self, group_id: i64, fields: Value) -> i64 {
        let id = self.campaign(group_id, fields).await;
        assert_eq!(self.put(id, "start").await.ok(), json!(true));
        id
    }

    /// `start`, `stop` or `resume`.
    pub async fn put(&self, id: i64, word: &str) -> Answer {
        let path = format!("/campaigns/{id}/{word}");
        self.client.put(&path, json!({})).await
    }

    pub async fn read(&self, id: i64) -> Value {
        self.client.get(&format!("/campaigns/{id}")).await.ok()
    }

    /// The campaign as it reads once it has ended.
    pub async fn ended(&self, id: i64) -> Value {
        self.once(id, |campaign| {
            ["completed", "broken"].contains(&campaign["status"].as_str().unwrap())
        })
        .await
    }

    /// The campaign once so many of its transmissions are done.
    pub async fn done(&self, id: i64, count: i64) -> Value {
        self.once(id, |campaign| {
            campaign["contact_done"].as_i64().unwrap() >= count
        })
        .await
    }

    /// Asks until it is so, for as long as it goes on.
    async fn once(&self, id: i64, is: impl Fn(&Value) -> bool) -> Value {
        let mut done = Value::Null;
        while_it_moves(&format!("campaign {id} goes on"), async || {
            // One that was killed this moment comes back, and one that is so busy that it
            // has not seen the log for a second says 503 until it has.
            let request = self.client.request("GET", &format!("/campaigns/{id}"));
            let answer = self.client.try_send(request).await;
            if let Some(answer) = answer.ok().filter(|answer| answer.status != 503) {
                let read = answer.ok();
                if is(&read) {
                    return Ok(read);
                }
                done = read["contact_done"].clone();
            }
            Err(done.clone())
        })
        .await
    }

    /// The campaign's transmissions, by contact: each contact has one.
    pub async fn transmissions(&self, id: i64) -> BTreeMap<i64, Value> {
        let path = format!("/transmissions?campaign_id={id}");
        let list = self.client.get(&path).await.ok();
        let list = list.as_array().unwrap();
        let rows = list.iter().cloned();
        let by_contact: BTreeMap<i64, Value> = rows
            .map(|row| (row["contact_id"].as_i64().unwrap(), row))
            .collect();
        assert_eq!(by_contact.len(), list.len(), "a contact has two");
        by_contact
    }

    /// The rows of `report.csv`, each by the names of its columns.
    pub async fn report(&self, id: i64) -> Vec<BTreeMap<String, String>> {
        let path = format!("/campaigns/{id}/report.csv");
        let answer = self.client.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut reader = csv::Reader::from_reader(answer.body.as_slice());
        reader.deserialize().map(Result::unwrap).collect()
    }

    /// What an opt-out of this address closes, from now on.
    pub async fn opt_out(&self, fields: Value) -> i64 {
        self.client.post("/optouts", fields).await.id("optout_id")
    }

    /// Waits until so many workers say that they run, and have its provider.
    pub async fn workers(&self, count: usize) {
        let providers = self.client.get("/providers").await.ok();
        let path = format!("/providers/{}/status", providers[0]["provider_id"]);
        eventually(&format!("{count} workers run"), TIMEOUT, async || {
            let status = self.client.get(&path).await.ok();
            (status["workers"] == count).then_some(())
        })
        .await;
    }

    /// Waits until the workers can know of the campaign what an API client knows: its
    /// state, such as `running`, and its pace.
    pub async fn is_known(&self, log: &mut EventLog, id: i64, state: &str, pace: Option<f64>) {
        let sql = "select state, pace::text from dispatch.campaigns where campaign_id = $1";
        eventually("the workers know the campaign", TIMEOUT, async || {
            let row = query_as(sql).bind(id).fetch_optional(log.sql()).await;
            // What has ended may be forgotten.
            let ended = || ("ended".to_owned(), None);
            let (known, as_fast): (String, Option<String>) = row.unwrap().unwrap_or_else(ended);
            let is_pace = |pace: f64| as_fast.and_then(|it| it.parse().ok()) == Some(pace);
            (known == state && pace.is_none_or(is_pace)).then_some(())
        })
        .await;
    }

    /// Waits until so many of the campaign's attempts went on the wire.
    pub async fn on_the_wire(&self, log: &mut EventLog, id: i64, count: usize) {
        let what = format!("campaign {id} starts {count} attempts");
        while_it_moves(&what, async || match log.starts(id).await.len() {
            enough if enough >= count => Ok(()),
            started => Err(started),
        })
        .await;
    }
}

impl EventLog {
    /// When the campaign's attempts went on the wire, in order, and by which worker.
    pub async fn starts(&mut self, campaign: i64) -> Vec<(DateTime<Utc>, String)> {
        let sql = "select (payload -> event_type ->> 'at')::timestamptz,
                       payload -> event_type ->> 'worker'
                   from events where event_type = 'SpoolStarted'
                     and payload -> event_type ->> 'campaign' = $1 order by 1";
        query_as(sql)
            .bind(campaign.to_string())
            .fetch_all(self.sql())
            .await
            .unwrap()
    }

    /// How many transmissions the campaign made, and for how many contacts.
    pub async fn made(&mut self, campaign: i64) -> (i64, i64) {
        let sql = "select count(*),
                       count(distinct payload -> event_type -> 'order' ->> 'contact_id')
                   from events where event_type = 'TransmissionCreated'
                     and payload -> event_type -> 'order' ->> 'campaign_id' = $1";
        query_as(sql)
            .bind(campaign.to_string())
            .fetch_one(self.sql())
            .await
            .unwrap()
    }

    /// What happened to something, in order.
    pub async fn history(&mut self, kind: &str, id: i64) -> Vec<String> {
        let sql = "select event_type from events
                   where aggregate_type = $1 and aggregate_id = $2 order by sequence";
        sqlx::query_scalar(sql)
            .bind(kind)
            .bind(id.to_string())
            .fetch_all(self.sql())
            .await
            .unwrap()
    }
}

/// How many of these moments, which are in order, lie in the second that holds the most,
/// wherever it begins.
pub fn densest_second(moments: &[DateTime<Utc>]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (at, moment) in moments.iter().enumerate() {
        while *moment - moments[first] >= TimeDelta::seconds(1) {
            first += 1;
        }
        most = most.max(at - first + 1);
    }
    most
}
