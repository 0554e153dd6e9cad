//! The first start: permissions, the two predefined roles, and the first user.

use std::{collections::BTreeSet, time::Duration};

use commands::{Actor, Commands};
use cqrs_es::Aggregate;
use domain::{
    Entity, FIRST_TENANT, Id, Owner, Patch, Refusal,
    access::{
        Permission, PermissionCommand, Role, RoleCommand, TenantCommand, TenantPatch, User,
        UserCommand, UserPatch, vocabulary,
    },
    people::{Account, AccountCommand, AccountPatch},
    values::Line,
};
use eventstore::LockName;

use super::{
    AccessCache,
    first_user::{FirstUser, check_first_user, generate},
};
use crate::{App, Error, Result};

/// The code of the first tenant.
const FIRST_CODE: &str = "main";
/// Time limit for the lock, and for this process to have read the whole log.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Creates the missing permissions, predefined roles and first user. To be called at every start,
/// before requests are answered. Returns true if it created the first user.
///
/// # Errors
/// When the database or the log does not answer in time, or the username or the password is not
/// allowed.
pub async fn bootstrap(app: &App, first: FirstUser) -> Result<bool> {
    let locks = app.commands().store().locks();
    let Some(alone) = locks.lock_within(LockName::Bootstrap, TIMEOUT).await? else {
        return Err(Error::Unavailable(
            "another process is starting for too long",
        ));
    };
    let done = Bootstrap::new(app).run(first).await;
    alone.release().await;
    done
}

struct Bootstrap<'a> {
    app: &'a App,
    commands: &'a Commands,
    access_cache: &'a AccessCache,
    actor: Actor,
}

impl<'a> Bootstrap<'a> {
    fn new(app: &'a App) -> Self {
        Self {
            app,
            commands: app.commands(),
            access_cache: &app.auth().access_cache,
            actor: Actor::process("bootstrap"),
        }
    }

    async fn run(&self, first: FirstUser) -> Result<bool> {
        self.catch_up().await?;
        let new = self.permissions().await?;
        self.roles(&new).await?;
        self.first_tenant().await?;
        if self.access_cache.has_users() {
            self.warn_of_another_password(&first).await?;
            return Ok(false);
        }
        self.user(first).await?;
        self.catch_up().await?;
        // Waits for the read models, so that the first login finds everything in the lists.
        let head = self.commands.store().log().head();
        for kind in [Permission::TYPE, Role::TYPE, User::TYPE, Account::TYPE] {
            self.app.settle(kind, Some(head)).await;
        }
        Ok(true)
    }

    /// Logs a warning if a password is set that is not the present one of that user: the setting
    /// is the password of a user that a first start creates, and changes no other.
    async fn warn_of_another_password(&self, first: &FirstUser) -> Result<()> {
        let Some(password) = &first.password else {
            return Ok(());
        };
        let Some((id, user)) = self.access_cache.login(&first.username) else {
            return Ok(());
        };
        let present = user.password().map(|sealed| (id, sealed));
        let passwords = &self.app.auth().passwords;
        if !passwords.verify(present, password, None).await? {
            tracing::warn!(
                user = %first.username,
                "LEDGERLINE_ADMIN_PASSWORD is not the password of this user and does not change \
                 it; `ledgerline password` does"
            );
        }
        Ok(())
    }

    /// Waits until this process has read the whole log.
    async fn catch_up(&self) -> Result<()> {
        let head = self.commands.store().log().fresh_head().await?;
        if self.access_cache.reaches(head, TIMEOUT).await {
            Ok(())
        } else {
            Err(Error::Unavailable("the log cannot be followed"))
        }
    }

    /// Creates the first tenant, if it is missing.
    async fn first_tenant(&self) -> Result<()> {
        if self.access_cache.tenant(FIRST_TENANT).is_some() {
            return Ok(());
        }
        let patch = TenantPatch {
            code: Patch::Set(line("code", FIRST_CODE)?),
            ..TenantPatch::default()
        };
        let id = FIRST_TENANT;
        self.create(id, TenantCommand::Create { id, patch }).await?;
        self.catch_up().await
    }

    /// Creates the missing permissions and returns their names.
    async fn permissions(&self) -> Result<BTreeSet<String>> {
        let mut new = BTreeSet::new();
        let mut creates = Vec::new();
        for name in vocabulary::permissions() {
            if self.access_cache.permission_named(&name).is_some() {
                continue;
            }
            let id = self.commands.next_id(Permission::TYPE).await?;
            new.insert(name.clone());
            let name = line("name", &name)?;
            let description = None;
            creates.push((
                id,
                PermissionCommand::Create {
                    id,
                    name,
                    description,
                },
            ));
        }
        if creates.is_empty() {
            return Ok(new);
        }
        let metadata = &self.actor.metadata;
        for created in self
            .commands
            .send_many(creates, metadata, Vec::new())
            .await?
        {
            created.map_err(Error::from)?;
        }
        self.catch_up().await?;
        Ok(new)
    }

    /// Creates the predefined roles. An existing role admin is granted every permission that it
    /// lacks; an existing role user, those of `new` (the permissions that this start created) that
    /// belong to it.
    async fn roles(&self, new: &BTreeSet<String>) -> Result<()> {
        let all = vocabulary::permissions();
        let all = self.ids(all.iter().map(String::as_str));
        let Some((id, admin)) = self.access_cache.role_named(vocabulary::ADMIN) else {
            self.role(vocabulary::ADMIN, "Holds every permission.", all)
                .await?;
            let some = self.ids(vocabulary::USER_ROLE.into_iter());
            self.role(vocabulary::USER, "Holds what an ordinary user needs.", some)
                .await?;
            return self.catch_up().await;
        };
        for permission in all.difference(admin.permissions()) {
            self.commands
                .send(id, RoleCommand::Grant(*permission), &self.actor)
                .await?;
        }
        if let Some((id, _)) = self.access_cache.role_named(vocabulary::USER) {
            let since = vocabulary::USER_ROLE_SINCE.into_iter();
            for permission in self.ids(since.filter(|name| new.contains(*name))) {
                self.commands
                    .send(id, RoleCommand::Grant(permission), &self.actor)
                    .await?;
            }
        }
        self.catch_up().await
    }

    fn ids<'n>(&self, names: impl Iterator<Item = &'n str>) -> BTreeSet<Id<Permission>> {
        names
            .filter_map(|name| self.access_cache.permission_named(name))
            .collect()
    }

    async fn role(
        &self,
        name: &str,
        description: &str,
        permissions: BTreeSet<Id<Permission>>,
    ) -> Result<()> {
        let id = self.commands.next_id(Role::TYPE).await?;
        let (name, description) = (line("name", name)?, line("description", description)?);
        let description = Some(description);
        let create = RoleCommand::Create {
            id,
            name,
            description,
            permissions,
        };
        self.create(id, create).await
    }

    async fn user(&self, first: FirstUser) -> Result<()> {
        let policy = self.app.config().password_policy;
        let username = check_first_user(&first.username, first.password.as_ref(), policy)?;
        let (password, show_password) = match first.password {
            Some(password) => (password, None),
            None => (generate()?, Some(first.show_password)),
        };
        let id: Id<User> = self.commands.next_id(User::TYPE).await?;
        let username = Patch::Set(username);
        let patch = UserPatch {
            username: username.clone(),
            active: Patch::Set(true),
            ..UserPatch::default()
        };
        let sealed = self.app.auth().passwords.seal(id, &password, None).await?;
        let roles = [vocabulary::ADMIN, vocabulary::USER].into_iter();
        let roles = roles
            .filter_map(|name| Some(self.access_cache.role_named(name)?.0))
            .collect();
        if let Some(show_password) = show_password {
            show_password(password).await;
        }
        self.create(
            id,
            UserCommand::Create {
                id,
                patch,
                password: sealed,
                tenant: FIRST_TENANT,
                roles,
            },
        )
        .await?;
        let account: Id<Account> = self.commands.next_id(Account::TYPE).await?;
        let patch = AccountPatch {
            username,
            active: Patch::Set(true),
            ..AccountPatch::default()
        };
        let create = AccountCommand::Create {
            id: account,
            owner: Owner::in_first_tenant(id),
            patch,
            assigned: Vec::new(),
        };
        self.create(account, create).await
    }

    async fn create<A>(&self, id: Id<A>, command: A::Command) -> Result<()>
    where
        A: Entity<Command: Clone, Error: Into<Refusal>>,
    {
        self.commands.send_new(id, command, &self.actor).await?;
        Ok(())
    }
}

fn line(field: &'static str, text: &str) -> Result<Line> {
    text.parse()
        .map_err(|error: domain::values::InvalidValue| Error::invalid(field, error.to_string()))
}
