//! The set-up of campaigns, and their results.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::query_as;

use super::{
    Answer, Client, EventLog, Mailing, Server, TIMEOUT, eventually, sandbox_provider, unique,
    unique_name, while_it_moves,
};

/// A user's mail program, for campaigns.
#[derive(Debug, Clone)]
pub struct Campaigning {
    pub client: Client,
    pub program_id: i64,
}

impl Campaigning {
    pub async fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            program_id: Mailing::new(client).await.program_id,
        }
    }

    /// The first user's program, on a server of the test's own, which gets a sandbox as provider.
    pub async fn on(server: &Server) -> Self {
        let admin = server.admin().await;
        sandbox_provider(&admin).await;
        Self::new(&admin).await
    }

    /// A group of `count` contacts, to whom the sandbox delivers.
    pub async fn group(&self, count: usize) -> i64 {
        let run = unique();
        let emails = (0..count).map(|n| format!("c{run}n{n}@example.com"));
        self.group_of(&emails.collect::<Vec<_>>()).await
    }

    /// A group with a contact for each of these addresses, in this order; a contact for an empty
    /// one has no address.
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

    /// The contacts of a group with their addresses, in the order of their creation.
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

    /// Creates a contact with these fields in a group.
    pub async fn member(&self, group_id: i64, fields: Value) -> i64 {
        let contact = self.client.post("/contacts", fields).await.id("contact_id");
        let link = format!("/contacts/{contact}/link/{group_id}");
        self.client.put(&link, json!({})).await.ok();
        contact
    }

    /// Creates a campaign for this group with these fields, not yet started.
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

    /// Creates and starts a campaign for this group with these fields.
    pub async fn running(&self, group_id: i64, fields: Value) -> i64 {
        let id = self.campaign(group_id, fields).await;
        assert_eq!(self.put(id, "start").await.ok(), json!(true));
        id
    }

    /// Sends `start`, `stop` or `resume`.
    pub async fn put(&self, id: i64, word: &str) -> Answer {
        let path = format!("/campaigns/{id}/{word}");
        self.client.put(&path, json!({})).await
    }

    pub async fn read(&self, id: i64) -> Value {
        self.client.get(&format!("/campaigns/{id}")).await.ok()
    }

    /// The campaign after its end.
    pub async fn ended(&self, id: i64) -> Value {
        self.once(id, |campaign| {
            ["completed", "broken"].contains(&campaign["status"].as_str().unwrap())
        })
        .await
    }

    /// The campaign once `count` of its transmissions are done.
    pub async fn done(&self, id: i64, count: i64) -> Value {
        self.once(id, |campaign| {
            campaign["contact_done"].as_i64().unwrap() >= count
        })
        .await
    }

    /// Reads the campaign until the condition is true, as long as the campaign makes progress.
    async fn once(&self, id: i64, is: impl Fn(&Value) -> bool) -> Value {
        let mut done = Value::Null;
        while_it_moves(&format!("campaign {id} goes on"), async || {
            // A server that was just killed restarts, and a server that is behind the log on a
            // busy machine answers 503 until it has caught up.
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

    /// The campaign's transmissions, by contact; each contact must have exactly one.
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

    /// The rows of `report.csv`, each as a map by column names.
    pub async fn report(&self, id: i64) -> Vec<BTreeMap<String, String>> {
        let path = format!("/campaigns/{id}/report.csv");
        let answer = self.client.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut reader = csv::Reader::from_reader(answer.body.as_slice());
        reader.deserialize().map(Result::unwrap).collect()
    }

    /// Creates an opt-out with these fields; answers its id.
    pub async fn opt_out(&self, fields: Value) -> i64 {
        self.client.post("/optouts", fields).await.id("optout_id")
    }

    /// Waits until `count` workers report that they run the first provider.
    pub async fn workers(&self, count: usize) {
        let providers = self.client.get("/providers").await.ok();
        let path = format!("/providers/{}/status", providers[0]["provider_id"]);
        eventually(&format!("{count} workers run"), TIMEOUT, async || {
            let status = self.client.get(&path).await.ok();
            (status["workers"] == count).then_some(())
        })
        .await;
    }

    /// Waits until the workers' table has the campaign's state, such as `running`, and its pace.
    pub async fn is_known(&self, log: &mut EventLog, id: i64, state: &str, pace: Option<f64>) {
        let sql = "select state, pace::text from dispatch.campaigns where campaign_id = $1";
        eventually("the workers know the campaign", TIMEOUT, async || {
            let row = query_as(sql).bind(id).fetch_optional(log.sql()).await;
            // The row of an ended campaign may have been deleted.
            let ended = || ("ended".to_owned(), None);
            let (known, as_fast): (String, Option<String>) = row.unwrap().unwrap_or_else(ended);
            let is_pace = |pace: f64| as_fast.and_then(|it| it.parse().ok()) == Some(pace);
            (known == state && pace.is_none_or(is_pace)).then_some(())
        })
        .await;
    }

    /// Waits until `count` of the campaign's attempts have started.
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
    /// The times at which the campaign's attempts started, in order, and their workers.
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

    /// The number of transmissions that the campaign created, and of their contacts.
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

    /// The event types of an aggregate, in order.
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

/// The most of these moments, which are in order, within any one second.
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
