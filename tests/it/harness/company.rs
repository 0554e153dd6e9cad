//! A company among several that share an installation.

use serde_json::json;

use super::{Client, Server, USER_PASSWORD, unique_name};

/// A tenant, with a user at home there who holds everything within it.
pub struct Company {
    pub tenant_id: i64,
    pub admin: Client,
}

impl Company {
    /// A new tenant of the installation.
    pub async fn on(server: &Server) -> Self {
        let operator = server.admin().await;
        let tenant = json!({"code": unique_name("company"), "name": "Analytical Engines"});
        let tenant_id = operator.post("/tenants", tenant).await.id("tenant_id");
        let own = format!("/users/{}/tenants/{tenant_id}", operator.user_id);
        operator.put(&own, json!({})).await.ok();
        let role = everything_but_the_installation(server).await;
        let admin = user_of(server, tenant_id, role).await;
        Self { tenant_id, admin }
    }

    /// A client of a new user at home in the tenant, with role user.
    pub async fn user(&self, server: &Server) -> Client {
        user_of(server, self.tenant_id, server.role_id("user").await).await
    }
}

async fn user_of(server: &Server, tenant_id: i64, role_id: i64) -> Client {
    let username = unique_name("colleague");
    let user = json!({
        "username": username, "passwd": USER_PASSWORD, "active": 1, "role": role_id.to_string(),
        "tenant_id": tenant_id, "email": format!("{username}@users.example"),
    });
    let user_id = server
        .admin()
        .await
        .post("/users", user)
        .await
        .id("user_id");
    let client = server.stranger().login(&username, USER_PASSWORD).await;
    client.known_as(user_id)
}

/// A role that holds every permission but the administration of the installation.
async fn everything_but_the_installation(server: &Server) -> i64 {
    let operator = server.admin().await;
    let role = json!({"name": unique_name("company")});
    let role_id = operator.post("/roles", role).await.id("role_id");
    let permissions = operator.get("/permissions").await.ok();
    let permissions = permissions.as_array().unwrap();
    let is_prefix = |name: &str| {
        let verbs = format!("{name}_");
        let mut names = permissions.iter().filter_map(|it| it["name"].as_str());
        names.any(|other| other.starts_with(&verbs))
    };
    for permission in permissions {
        let name = permission["name"].as_str().unwrap();
        // A bare prefix includes all of its verbs but admin and secret.
        let is_needed = is_prefix(name) || name.ends_with("_admin") || name.ends_with("_secret");
        if is_needed && name != "installation_admin" {
            let id = permission["permission_id"].as_i64().unwrap();
            let path = format!("/roles/{role_id}/permissions/{id}");
            operator.put(&path, json!({})).await.ok();
        }
    }
    role_id
}
