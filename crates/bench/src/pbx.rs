//! The PBX: decisions on calls, the documented list of extensions, and the import of a tenant.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use domain::pbx::{
    ConditionDetails, DestinationDetails, HuntDetails, IvrDetails,
    routing::{Call, DidEntry, Entry, ExtensionEntry, Route, Status, StepOutcome, Tables, next},
};
use serde_json::{Value, json};

use super::{
    child::Server,
    http::{self, Connection, percentile},
    table::{Row, Table},
};

/// The extensions of each tenant.
const EXTENSIONS: i64 = 200;

/// Measures decisions on one core: calls to the DIDs of these tenants, each through a condition, a
/// menu and a hunt group.
pub fn decisions(tenants: i64, calls: usize, table: &mut Table) -> anyhow::Result<()> {
    let tables = configured(tenants)?;
    let at = DateTime::<Utc>::from_timestamp(1_796_115_600, 0).context("a time")?;
    let phones = |_: i64| Status::Available;
    let mut times = Vec::with_capacity(calls);
    let started = Instant::now();
    for number in 0..calls {
        let tenant = i64::try_from(number)? * 7_919 % tenants + 1;
        let asked = Instant::now();
        let did = tables.did(&number_of(tenant)).context("a DID")?;
        let tenant = tables.get(did.tenant).context("a tenant")?;
        let call = Call {
            to: Entry::Did(did.did),
            from: Some("4930123456".to_owned()),
            at,
            phones: &phones,
        };
        let mut route = Route::new();
        for outcome in [StepOutcome::Arrived, StepOutcome::Digit('1')] {
            std::hint::black_box(next(tenant, &call, &mut route, outcome));
        }
        times.push(asked.elapsed());
    }
    let rate = calls as f64 / started.elapsed().as_secs_f64();
    table.add(
        Row::new(
            format!("routing decisions, {tenants} tenants × {EXTENSIONS} extensions, one core"),
            rate,
            "calls/s",
        )
        .p99(percentile(&mut times, 0.99))
        .at_least(100_000.0),
    );
    table.add(Row::new("one decision, p99", percentile(&mut times, 0.99), "ms").at_most(1.0));
    Ok(())
}

fn number_of(tenant: i64) -> String {
    format!("4930{tenant:07}")
}

fn configured(tenants: i64) -> anyhow::Result<Tables> {
    let mut tables = Tables::default();
    for tenant in 1..=tenants {
        let first = tenant * 1_000;
        tables.set_did(
            tenant,
            DidEntry {
                id: first,
                number: number_of(tenant),
                connected: true,
                active: true,
            },
        );
        let table = tables.get_mut(tenant);
        for number in 0..EXTENSIONS {
            table.set_extension(ExtensionEntry {
                id: first + number,
                number: (100 + number).to_string(),
                name: format!("Desk {number}"),
                ring_time: Some(20),
                active: true,
            });
        }
        let words = |word: &str| word.parse().map(Some);
        let hours = ConditionDetails {
            condition_type: words("WEEKTIME")?,
            params: std::array::from_fn(|at| match at {
                0 => words("00:00").ok().flatten(),
                1 => words("23:59").ok().flatten(),
                2 => words("mon-fri").ok().flatten(),
                _ => None,
            }),
            ..ConditionDetails::default()
        };
        table.set_condition(first, &hours);
        table.set_ivr(first, IvrDetails::default());
        table.set_hunt(first, HuntDetails::default());
        let lead = |source: &str, target: &str, to: i64, order: u32| {
            Ok::<_, anyhow::Error>(DestinationDetails {
                source_type: words(source)?,
                source_id: Some(first),
                target_type: words(target)?,
                target_id: Some(to),
                order,
            })
        };
        table.set_destination(first, lead("DID", "CONDITION", first, 1)?);
        table.set_destination(first + 1, lead("CONDITION", "IVR", first, 1)?);
        table.set_destination(first + 2, lead("IVR_1", "HUNTLIST", first, 1)?);
        for member in 0..10 {
            let order = u32::try_from(member)? + 1;
            let destination = lead("HUNTLIST", "EXT", first + member, order)?;
            table.set_destination(first + 10 + member, destination);
        }
    }
    Ok(tables)
}

/// Imports the same configuration into many tenants, and holds what each exports against it.
pub async fn tenants(
    server: &Server,
    token: &str,
    count: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.address, token).await?;
    let mut times = Vec::with_capacity(count);
    let first = number_of(1);
    let mut normal = document(&first).to_string();
    for number in 0..count {
        let own = number_of(i64::try_from(number)? + 1);
        let code = format!("bench-{number}");
        let tenant = json!({"code": code, "name": "Bench", "numbers": [own]});
        let tenant = connection.json("POST", "/tenants", Some(&tenant)).await?;
        let tenant = tenant["tenant_id"].as_i64().context("a tenant")?;
        let path = format!("/pbx/tenants/{tenant}/configuration");
        let document = serde_json::from_str(&normal.replace(&first, &own))?;
        let started = Instant::now();
        connection.call("PUT", &path, Some(&document)).await?;
        times.push(started.elapsed());
        let check = format!("/pbx/check?tenant_id={tenant}");
        let problems = connection.json("GET", &check, None).await?;
        ensure!(problems == json!([]), "tenant {tenant}: {problems}");
        let exported = connection.json("GET", &path, None).await?;
        // The first export has the fields that the document leaves to their defaults.
        if number == 0 {
            normal = exported.to_string();
        } else {
            ensure!(
                exported == document,
                "tenant {tenant} exports something else"
            );
        }
    }
    let name = format!("import of {count} tenants with {EXTENSIONS} extensions, checked and equal");
    let total: Duration = times.iter().sum();
    let each = total.as_secs_f64() / count.max(1) as f64;
    let p99 = percentile(&mut times, 0.99);
    table.add(Row::new(name, each, "s each").p99(p99).at_most(2.0));
    Ok(())
}

/// Measures the import of a tenant, and the documented list of its extensions.
pub async fn requests(
    server: &Server,
    token: &str,
    lasting: Duration,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.address, token).await?;
    let path = "/pbx/tenants/1/configuration";
    let started = Instant::now();
    connection
        .call("PUT", path, Some(&document(&number_of(0))))
        .await?;
    let imported = started.elapsed().as_secs_f64();
    let name = format!("import of a tenant with {EXTENSIONS} extensions, readable when answered");
    table.add(Row::new(name, imported, "s").at_most(2.0));
    let contact = json!({"first_name": "Ada", "phone": "+15550100"});
    let contact = connection.json("POST", "/contacts", Some(&contact)).await?;
    let contact = contact["contact_id"].as_i64().context("a contact")?;
    let get = http::load(server.address, token, 32, lasting, move |_, _| {
        ("GET", format!("/contacts/{contact}"), None)
    })
    .await?;
    let list = http::load(server.address, token, 32, lasting, |_, _| {
        let body = json!({"tenant_id": 1});
        ("POST", "/extension/bytenant".to_owned(), Some(body))
    })
    .await?;
    table.add(
        Row::new(
            format!("extension/bytenant of {EXTENSIONS}, 32 connections"),
            list.rate,
            "requests/s",
        )
        .p99(list.p99)
        .ratio(
            "GET /contacts/{id}",
            list.rate / get.rate,
            super::table::Target::AtLeast(0.3),
        ),
    );
    Ok(())
}

/// A tenant with extensions, and a DID that leads to a menu during the day, from there to a hunt group
/// of ten extensions, and otherwise to a voicemail box.
fn document(did: &str) -> Value {
    let extension = |number: i64| {
        let number = (100 + number).to_string();
        json!({"key": number, "number": number, "name": format!("Desk {number}"), "active": 1,
               "cid_number": "15146339933", "cid_name": "Analytical Engines"})
    };
    let lead = |(source_type, source, target_type, target): (&str, &str, &str, &str)| {
        json!({"source_type": source_type, "source": source, "target_type": target_type,
               "target": target, "order": 1})
    };
    let member = |number: i64| {
        json!({"source_type": "HUNTLIST", "source": "600", "target_type": "EXT",
               "target": (100 + number).to_string(), "order": number + 1})
    };
    let leads = [
        ("DID", did, "CONDITION", "Day"),
        ("CONDITION", "Day", "IVR", "Welcome"),
        ("NOTCONDITION", "Day", "VOICEMAIL", "700"),
        ("IVR_1", "Welcome", "HUNTLIST", "600"),
        ("IVR_TIMEOUT", "Welcome", "HUNTLIST", "600"),
        ("HUNTLIST-TIMEOUT", "600", "VOICEMAIL", "700"),
    ];
    json!({
        "extensions": (0..EXTENSIONS).map(extension).collect::<Vec<_>>(),
        "dids": [{"key": did, "number": did, "active": 1}],
        "hunts": [{"key": "600", "number": "600", "name": "Team"}],
        "ivrs": [{"key": "Welcome", "name": "Welcome", "timeout": 5}],
        "voicemails": [{"key": "700", "mailbox": "700", "fullname": "Team"}],
        "phones": [], "customs": [], "disas": [], "rate_tables": [],
        "conditions": [{"key": "Day", "name": "Day", "condition_type": "WEEKTIME",
                        "param1": "08:00", "param2": "18:00", "param3": "mon-fri"}],
        "destinations": leads.into_iter().map(lead).chain((0..10).map(member))
            .collect::<Vec<_>>(),
    })
}
