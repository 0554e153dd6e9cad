//! The clients of a server: its first user, and users with roles.

use serde_json::json;

use super::{Client, Server, unique_name};

/// The password of `admin`.
pub const ADMIN_PASSWORD: &str = "correct-horse-battery-staple-9";
/// The password of every other user of the tests.
pub const USER_PASSWORD: &str = "Tr0ub4dor-and-three-more";

impl Server {
    /// A client that is not logged in.
    pub fn stranger(&self) -> Client {
        Client::stranger(&self.url)
    }

    /// A client of the first user.
    pub async fn admin(&self) -> Client {
        let login = async || {
            self.stranger()
                .login("admin", ADMIN_PASSWORD)
                .await
                .token()
                .to_owned()
        };
        let token = self.admin.get_or_init(login).await;
        let admin = self.stranger().with_token(token);
        admin.known_as(1)
    }

    /// A client of a new user with these roles.
    pub async fn user(&self, roles: &[&str]) -> Client {
        self.named_user(&unique_name("user"), roles).await
    }

    /// A client of a new user with this name and these roles.
    pub async fn named_user(&self, username: &str, roles: &[&str]) -> Client {
        let admin = self.admin().await;
        let user = json!({
            "username": username, "passwd": USER_PASSWORD, "active": 1, "role": null,
            "first_name": "Test", "email": format!("{username}@users.example"),
        });
        let user_id = admin.post("/users", user).await.id("user_id");
        for role in roles {
            let role_id = self.role_id(role).await;
            admin
                .put(&format!("/users/{user_id}/roles/{role_id}"), json!({}))
                .await
                .ok();
        }
        let client = self.stranger().login(username, USER_PASSWORD).await;
        client.known_as(user_id)
    }

    /// A role's id.
    pub async fn role_id(&self, name: &str) -> i64 {
        let roles = self.admin().await.get("/roles").await.ok();
        let role = roles
            .as_array()
            .unwrap()
            .iter()
            .find(|role| role["name"] == name);
        role.unwrap_or_else(|| panic!("no role {name}"))["role_id"]
            .as_i64()
            .unwrap()
    }

    /// A permission's id.
    pub async fn permission_id(&self, name: &str) -> i64 {
        let all = self.admin().await.get("/permissions").await.ok();
        let permission = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name);
        permission.unwrap_or_else(|| panic!("no permission {name}"))["permission_id"]
            .as_i64()
            .unwrap()
    }
}
