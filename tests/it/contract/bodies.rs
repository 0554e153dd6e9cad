//! The bodies of requests that have to succeed.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{
    examples::Example,
    routes::Route,
    things::{self, Things},
};
use crate::harness::unique_name;

/// The body of a request.
pub enum Body {
    None,
    Json(Value),
    Bytes(&'static str, Vec<u8>),
}

/// The phone number that an account has and the route assigns to it.
pub fn own_number() -> &'static str {
    static NUMBER: OnceLock<String> = OnceLock::new();
    NUMBER.get_or_init(|| format!("+4930{:07}", crate::harness::unique()))
}

/// The body of a request: the document's example or, if there is none, a body of our own.
pub async fn body(route: Route, example: Option<&Example>, things: &Things) -> Body {
    let (method, path) = (route.method, route.path);
    if path.ends_with("/media") && method != "GET" {
        return match path {
            path if path.contains("documents") => {
                Body::Bytes("application/pdf", things::one_page())
            }
            path if path.contains("recordings") => Body::Bytes("audio/wav", things::a_second()),
            _ => Body::Bytes("text/plain", b"attached".to_vec()),
        };
    }
    if method == "POST" && (path.contains("csv") || path.contains("/import/")) {
        let rows = match path.starts_with("/users") {
            true => format!(
                "username,passwd\n{},long-enough-9-words\n",
                unique_name("csv")
            ),
            false if path.starts_with("/optouts") => "15550123,sms,asked\n".to_owned(),
            false => "15550123,Ada\n".to_owned(),
        };
        return Body::Bytes("text/csv", rows.into_bytes());
    }
    if path.contains("authenti") && !path.ends_with("cancel") {
        let admin = json!({"username": "admin", "passowrd": crate::harness::ADMIN_PASSWORD});
        return Body::Json(admin);
    }
    if let Some(example) = example
        && example.request.is_some()
    {
        let ids = things.referred(example).await;
        let unique = unique_name("example");
        let body = example.body(&|field| ids.get(field).copied(), &unique);
        return body.map_or(Body::None, Body::Json);
    }
    match own_body(route, things).await {
        Value::Null => Body::None,
        body => Body::Json(body),
    }
}

/// The body for a route of which the document has no example: that of our own description, unless
/// this cannot be sent as it stands.
async fn own_body(route: Route, things: &Things) -> Value {
    if !["POST", "PUT"].contains(&route.method) {
        return Value::Null;
    }
    let name = unique_name("own");
    match route.path {
        path if path.ends_with("/schedule") => json!({"delay": 3600}),
        "/programs" => json!({
            "name": name, "type": "sendemail", "template_id": things.any("template").await,
        }),
        "/programs/voicetts" => json!({"name": name, "text": "Hello"}),
        "/programs/{program_name}/transmissions" => json!({
            "program_data": {"name": name, "template_id": things.any("template").await},
            "transmission_data": {"contact_id": things.any("contact").await},
        }),
        "/users/{user_id}/password" => json!({"password": "another-9-long-words"}),
        path if path.contains("/settings/") => json!({"value": "x"}),
        "/accounts/{account_id}/assign" => json!({"field": "phone", "address": own_number()}),
        "/programs/{program_id}" => json!({}),
        "/user/updatebyid" => json!({
            "user_id": things.fresh("user").await, "password": "another-9-long-words",
        }),
        "/cdr/getCallHistory" => json!({
            "start_date_ymd": "2026-11-01", "end_date_ymd": "2026-11-30",
            "tenant_code": things.client.get("/tenants/1").await.ok()["code"],
        }),
        "/sandbox/calls" => json!({
            "from": "+4930999", "to": things.fax_number().await, "service": "fax",
        }),
        _ => things.described(route).await.unwrap_or_else(|| json!({})),
    }
}
