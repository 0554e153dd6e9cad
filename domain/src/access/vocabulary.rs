//! The permission names, and the permissions of the two predefined roles.

/// The name of the role that holds every permission.
pub const ADMIN: &str = "admin";
/// The permission whose holders administer the installation: they create tenants, assign users to
/// them, and what they may do within any tenant they may do within all.
pub const INSTALLATION_ADMIN: &str = "installation_admin";
/// The name of the role of an ordinary user.
pub const USER: &str = "user";

/// Every permission name, sorted. A bare prefix (`contact`) grants every `contact_*` but
/// `contact_admin`.
pub fn permissions() -> Vec<String> {
    const CRUD: [&str; 6] = ["create", "list", "read", "update", "delete", "admin"];
    const KINDS: [&str; 29] = [
        "account",
        "campaign",
        "condition",
        "contact",
        "custom",
        "destination",
        "did",
        "disa",
        "document",
        "extension",
        "group",
        "hunt",
        "ivr",
        "optout",
        "permission",
        "phone",
        "phone_model",
        "program",
        "provider",
        "rate_table",
        "recording",
        "role",
        "schedule",
        "template",
        "text",
        "transmission",
        "user",
        "voicemail",
        "tenant",
    ];
    const OTHERS: [&str; 31] = [
        "api",
        "api_access",
        "cdr",
        "cdr_admin",
        "cdr_list",
        "cdr_read",
        "configuration",
        "configuration_read",
        "configuration_write",
        "campaign_start",
        "campaign_stop",
        "event_read",
        "extension_secret",
        INSTALLATION_ADMIN,
        "pbx",
        "pbx_read",
        "pbx_update",
        "program_execute",
        "result",
        "result_list",
        "result_read",
        "spool",
        "spool_list",
        "spool_read",
        "statistic",
        "statistic_read",
        "task",
        "task_create",
        "task_list",
        "transmission_send",
        "user_password",
    ];
    let mut names: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    for kind in KINDS {
        names.push(kind.to_owned());
        names.extend(CRUD.map(|verb| format!("{kind}_{verb}")));
    }
    names.extend(["task_read", "task_update", "task_delete"].map(str::to_owned));
    names.sort();
    names
}

/// The permissions that role `user` gets when the installation is set up.
pub const USER_ROLE: [&str; 22] = [
    "account_list",
    "account_read",
    "account_update",
    "api",
    "campaign",
    "configuration_read",
    "contact",
    "document",
    "group",
    "optout",
    "program",
    "recording",
    "result",
    "schedule",
    "spool",
    "statistic_read",
    "task",
    "template",
    "text",
    "transmission",
    "user_password",
    "user_read",
];

/// The permissions of [`USER_ROLE`] that were added after the first installations. An upgrade that
/// introduces such a permission also grants it to role `user`, once: a permission that an
/// administrator withdraws stays withdrawn.
pub const USER_ROLE_SINCE: [&str; 1] = ["optout"];

/// True if a holder of permission `held` has permission `wanted`.
pub fn grants(held: &str, wanted: &str) -> bool {
    if held == wanted {
        return true;
    }
    match wanted
        .strip_prefix(held)
        .and_then(|rest| rest.strip_prefix('_'))
    {
        // `phone` grants `phone_model_read`, and no more `phone_model_admin` than `phone_admin`.
        Some(verb) => verb != "admin" && !verb.ends_with("_admin") && verb != "secret",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_grants_every_verb_but_admin_and_secret() {
        assert!(grants("contact", "contact_create"));
        assert!(grants("contact_admin", "contact_admin"));
        assert!(!grants("contact", "contact_admin"));
        assert!(!grants("phone", "phone_model_admin"));
        assert!(!grants("extension", "extension_secret"));
        assert!(grants("extension_secret", "extension_secret"));
        assert!(!grants("contact", "contactless_read"));
        assert!(!grants("contact_create", "contact"));
    }

    #[test]
    fn every_name_of_role_user_exists_and_none_stands_twice() {
        let names = permissions();
        assert!(
            USER_ROLE
                .iter()
                .all(|name| names.iter().any(|known| known == name))
        );
        assert!(USER_ROLE_SINCE.iter().all(|name| USER_ROLE.contains(name)));
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
