-- The read models: what the log amounts to, one table per question. Everything here can be
-- dropped and rebuilt from the events. Indexes carry the names Postgres gives them, so that they
-- are called the same after a rebuild.

create extension if not exists pg_trgm;

create schema read;
comment on schema read is
    'Read models: tables that follow the event log a moment behind. Read them freely; nothing written here survives a rebuild.';

-- Where a read model is built anew before it takes the old one's place.
create schema rebuild;
comment on schema rebuild is 'Read models that are being rebuilt; empty otherwise.';

create table read.checkpoints (
    name text primary key,
    position bigint not null default 0,
    stopped_at_position bigint,
    error text,
    stopped_since timestamptz,
    updated_at timestamptz not null default now()
) with (fillfactor = 50);
comment on table read.checkpoints is 'How far each projection has followed the event log.';
comment on column read.checkpoints.name is 'The projection.';
comment on column read.checkpoints.position is 'The position of the last event it has taken in.';
comment on column read.checkpoints.stopped_at_position is 'The event it could not take in and is stopped at; null while it runs.';
comment on column read.checkpoints.error is 'What went wrong there.';
comment on column read.checkpoints.stopped_since is 'Since when it is stopped there.';
comment on column read.checkpoints.updated_at is 'When it last moved.';

-- people ---------------------------------------------------------------------------------------

create table read.contacts (
    contact_id bigint primary key,
    user_id bigint not null,
    first_name text,
    last_name text,
    phone text,
    email text,
    address text,
    custom1 text,
    custom2 text,
    custom3 text,
    description text,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.contacts (created_position);
create index on read.contacts (user_id, created_position);
create index on read.contacts (reverse(phone) text_pattern_ops);
create index on read.contacts (lower(email));
create index on read.contacts using gin (first_name gin_trgm_ops, last_name gin_trgm_ops);
comment on table read.contacts is 'People that users reach.';
comment on column read.contacts.contact_id is 'The contact.';
comment on column read.contacts.user_id is 'The user it belongs to.';
comment on column read.contacts.first_name is 'First name.';
comment on column read.contacts.last_name is 'Last name.';
comment on column read.contacts.phone is 'Telephone number as it is dialled.';
comment on column read.contacts.email is 'Email address.';
comment on column read.contacts.address is 'Postal address, free text.';
comment on column read.contacts.custom1 is 'Free for the user.';
comment on column read.contacts.custom2 is 'Free for the user.';
comment on column read.contacts.custom3 is 'Free for the user.';
comment on column read.contacts.description is 'A note.';
comment on column read.contacts.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.contacts.created_at is 'When it was created.';
comment on column read.contacts.updated_at is 'When it last changed.';
comment on column read.contacts.version is 'The sequence of its last event.';

create table read.accounts (
    account_id bigint primary key,
    user_id bigint,
    type text not null,
    username text,
    first_name text,
    last_name text,
    phone text,
    email text,
    address text,
    active boolean not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.accounts (created_position);
create index on read.accounts (user_id, created_position);
create index on read.accounts (reverse(phone) text_pattern_ops);
create index on read.accounts (lower(email));
create index on read.accounts using gin (username gin_trgm_ops, first_name gin_trgm_ops, last_name gin_trgm_ops);
comment on table read.accounts is 'The identities under which users send and are reached. Their secrets are not here.';
comment on column read.accounts.account_id is 'The account.';
comment on column read.accounts.user_id is 'The user it belongs to; null while it is assigned to nobody.';
comment on column read.accounts.type is 'account, did, extension or eaddress.';
comment on column read.accounts.username is 'Its name, unique among accounts of its type.';
comment on column read.accounts.first_name is 'First name.';
comment on column read.accounts.last_name is 'Last name.';
comment on column read.accounts.phone is 'Telephone number as it is dialled.';
comment on column read.accounts.email is 'Email address.';
comment on column read.accounts.address is 'Postal address, free text.';
comment on column read.accounts.active is 'Whether it can be used.';
comment on column read.accounts.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.accounts.created_at is 'When it was created.';
comment on column read.accounts.updated_at is 'When it last changed.';
comment on column read.accounts.version is 'The sequence of its last event.';

create table read.account_programs (
    account_id bigint not null,
    program_id bigint not null,
    subscribed_at timestamptz not null,
    primary key (account_id, program_id)
);
create index on read.account_programs (program_id);
comment on table read.account_programs is 'Which programs an account is subscribed to for inbound transmissions.';
comment on column read.account_programs.account_id is 'The account.';
comment on column read.account_programs.program_id is 'The program.';
comment on column read.account_programs.subscribed_at is 'Since when.';

create table read.account_settings (
    account_id bigint not null,
    name text not null,
    value text,
    updated_at timestamptz not null,
    primary key (account_id, name)
);
comment on table read.account_settings is 'Settings of accounts.';
comment on column read.account_settings.account_id is 'The account.';
comment on column read.account_settings.name is 'The setting.';
comment on column read.account_settings.value is 'Its value.';
comment on column read.account_settings.updated_at is 'When it was last set.';

-- access ---------------------------------------------------------------------------------------

create table read.users (
    user_id bigint primary key,
    username text,
    first_name text,
    last_name text,
    phone text,
    email text,
    address text,
    company text,
    country_id integer,
    timezone_id integer,
    active boolean not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.users (created_position);
create index on read.users (lower(username));
create index on read.users (lower(email));
create index on read.users (reverse(phone) text_pattern_ops);
create index on read.users using gin (username gin_trgm_ops, first_name gin_trgm_ops, last_name gin_trgm_ops);
comment on table read.users is 'Who logs in and owns things. Passwords are not here.';
comment on column read.users.user_id is 'The user.';
comment on column read.users.username is 'The name to log in with, unique.';
comment on column read.users.first_name is 'First name.';
comment on column read.users.last_name is 'Last name.';
comment on column read.users.phone is 'Telephone number as it is dialled.';
comment on column read.users.email is 'Email address.';
comment on column read.users.address is 'Postal address, free text.';
comment on column read.users.company is 'Company.';
comment on column read.users.country_id is 'ISO 3166-1 numeric country code.';
comment on column read.users.timezone_id is 'Number in the list of time zones.';
comment on column read.users.active is 'Whether the user may log in.';
comment on column read.users.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.users.created_at is 'When it was created.';
comment on column read.users.updated_at is 'When it last changed.';
comment on column read.users.version is 'The sequence of its last event.';

create table read.user_roles (
    user_id bigint not null,
    role_id bigint not null,
    primary key (user_id, role_id)
);
create index on read.user_roles (role_id);
comment on table read.user_roles is 'Which roles a user has.';
comment on column read.user_roles.user_id is 'The user.';
comment on column read.user_roles.role_id is 'The role.';

create table read.user_permissions (
    user_id bigint not null,
    permission_id bigint not null,
    primary key (user_id, permission_id)
);
comment on table read.user_permissions is 'Which permissions a user has beside those of the roles.';
comment on column read.user_permissions.user_id is 'The user.';
comment on column read.user_permissions.permission_id is 'The permission.';

create table read.roles (
    role_id bigint primary key,
    name text not null,
    description text,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.roles (created_position);
create index on read.roles (lower(name) text_pattern_ops);
comment on table read.roles is 'Named sets of permissions.';
comment on column read.roles.role_id is 'The role.';
comment on column read.roles.name is 'Its name, unique.';
comment on column read.roles.description is 'A note.';
comment on column read.roles.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.roles.created_at is 'When it was created.';
comment on column read.roles.updated_at is 'When it last changed.';
comment on column read.roles.version is 'The sequence of its last event.';

create table read.role_permissions (
    role_id bigint not null,
    permission_id bigint not null,
    primary key (role_id, permission_id)
);
comment on table read.role_permissions is 'Which permissions a role has.';
comment on column read.role_permissions.role_id is 'The role.';
comment on column read.role_permissions.permission_id is 'The permission.';

create table read.permissions (
    permission_id bigint primary key,
    name text not null,
    description text,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.permissions (created_position);
create index on read.permissions (name text_pattern_ops);
comment on table read.permissions is 'What one can be allowed to do.';
comment on column read.permissions.permission_id is 'The permission.';
comment on column read.permissions.name is 'Its name, unique, such as contact_create.';
comment on column read.permissions.description is 'A note.';
comment on column read.permissions.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.permissions.created_at is 'When it was created.';
comment on column read.permissions.updated_at is 'When it last changed.';
comment on column read.permissions.version is 'The sequence of its last event.';

-- outreach -------------------------------------------------------------------------------------

create table read.templates (
    template_id bigint primary key,
    user_id bigint not null,
    name text,
    description text,
    subject text,
    body text,
    body_alt text,
    type text,
    length bigint,
    attachments jsonb,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.templates (created_position);
create index on read.templates (user_id, created_position);
create index on read.templates using gin (name gin_trgm_ops, subject gin_trgm_ops);
comment on table read.templates is 'Email templates.';
comment on column read.templates.template_id is 'The template.';
comment on column read.templates.user_id is 'The user it belongs to.';
comment on column read.templates.name is 'Its name.';
comment on column read.templates.description is 'A note.';
comment on column read.templates.subject is 'The subject of the mail, with tokens.';
comment on column read.templates.body is 'The mail in HTML, with tokens.';
comment on column read.templates.body_alt is 'The mail in plain text, with tokens; null: made from the HTML.';
comment on column read.templates.type is 'The kind of file attached, as the user says.';
comment on column read.templates.length is 'The size of what is attached, in bytes; null: nothing is.';
comment on column read.templates.attachments is 'What is attached: media, file_name, content_type, size.';
comment on column read.templates.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.templates.created_at is 'When it was created.';
comment on column read.templates.updated_at is 'When it last changed.';
comment on column read.templates.version is 'The sequence of its last event.';

create table read.programs (
    program_id bigint primary key,
    user_id bigint not null,
    name text not null,
    type text not null,
    service_flag integer not null,
    parent_id bigint,
    template_id bigint,
    account_id bigint,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.programs (created_position);
create index on read.programs (user_id, type, created_position);
create index on read.programs (user_id, created_position);
create index on read.programs using gin (name gin_trgm_ops);
comment on table read.programs is 'What is done with a message.';
comment on column read.programs.program_id is 'The program.';
comment on column read.programs.user_id is 'The user it belongs to.';
comment on column read.programs.name is 'Its name.';
comment on column read.programs.type is 'Its type, such as sendemail.';
comment on column read.programs.service_flag is 'The service it needs: voice 1, fax 2, sms 4, email 8.';
comment on column read.programs.parent_id is 'The program it was made from.';
comment on column read.programs.template_id is 'The template that it sends.';
comment on column read.programs.account_id is 'The account it was made for.';
comment on column read.programs.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.programs.created_at is 'When it was created.';
comment on column read.programs.updated_at is 'When it last changed.';
comment on column read.programs.version is 'The sequence of its last event.';

-- delivery -------------------------------------------------------------------------------------

create table read.providers (
    provider_id bigint primary key,
    name text not null,
    type text not null,
    service_flag integer not null,
    gateway_flag integer not null,
    node_id integer,
    host text,
    port integer,
    username text,
    dialstring text,
    prefix text,
    settings jsonb not null,
    register boolean not null,
    weight integer not null,
    active boolean not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.providers (created_position);
comment on table read.providers is 'Ways out: trunks, message centres, mail servers. Their passwords are not here.';
comment on column read.providers.provider_id is 'The provider.';
comment on column read.providers.name is 'Its name.';
comment on column read.providers.type is 'sip, smpp, http, smtp or sandbox.';
comment on column read.providers.service_flag is 'The services it carries, added up: voice 1, fax 2, sms 4, email 8.';
comment on column read.providers.gateway_flag is 'What speaks to it: Kannel 2, SMTP 4, Freeswitch 8, SIP 16, SMPP 32, sandbox 128.';
comment on column read.providers.node_id is 'The number of the workers that alone may use it; null: any.';
comment on column read.providers.host is 'Its name or address.';
comment on column read.providers.port is 'Its port.';
comment on column read.providers.username is 'As whom one logs in there.';
comment on column read.providers.dialstring is 'How it is dialled.';
comment on column read.providers.prefix is 'What is dialled before the number.';
comment on column read.providers.settings is 'Further settings, by type.';
comment on column read.providers.register is 'Whether one registers there.';
comment on column read.providers.weight is 'Its share of the traffic is in proportion to 1/weight.';
comment on column read.providers.active is 'Whether it is used.';
comment on column read.providers.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.providers.created_at is 'When it was created.';
comment on column read.providers.updated_at is 'When it last changed.';
comment on column read.providers.version is 'The sequence of its last event.';

create table read.transmissions (
    transmission_id bigint primary key,
    user_id bigint not null,
    title text,
    origin text,
    contact_id bigint not null,
    account_id bigint,
    program_id bigint not null,
    service_flag integer not null,
    direction text not null,
    status text not null,
    response text,
    outcome text,
    try_allowed integer not null,
    try_done integer not null,
    last_run timestamptz,
    last_spool_id bigint,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
) with (fillfactor = 80);
-- Few, because every one of them costs at thousands of transmissions a second.
create index on read.transmissions (created_position);
create index on read.transmissions (user_id, created_position);
create index on read.transmissions (contact_id);
create index on read.transmissions (program_id);
create index on read.transmissions (status, created_position) where status in ('pending', 'processing');
comment on table read.transmissions is 'Messages to contacts: what was asked for and what became of it.';
comment on column read.transmissions.transmission_id is 'The transmission.';
comment on column read.transmissions.user_id is 'The user it belongs to.';
comment on column read.transmissions.title is 'Its title.';
comment on column read.transmissions.origin is 'What made it, as the client says.';
comment on column read.transmissions.contact_id is 'Who is reached.';
comment on column read.transmissions.account_id is 'As whom.';
comment on column read.transmissions.program_id is 'What is done.';
comment on column read.transmissions.service_flag is 'By which service: voice 1, fax 2, sms 4, email 8.';
comment on column read.transmissions.direction is 'outbound or inbound.';
comment on column read.transmissions.status is 'pending, processing, completed, failed or invalid.';
comment on column read.transmissions.response is 'What the remote side said last. Null once the contact is erased.';
comment on column read.transmissions.outcome is 'delivered, rejected, unanswered, unavailable or unknown; null while open.';
comment on column read.transmissions.try_allowed is 'How many attempts may end unanswered.';
comment on column read.transmissions.try_done is 'How many attempts there have been.';
comment on column read.transmissions.last_run is 'When the last attempt was queued or started.';
comment on column read.transmissions.last_spool_id is 'The last attempt.';
comment on column read.transmissions.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.transmissions.created_at is 'When it was created.';
comment on column read.transmissions.updated_at is 'When it last changed.';
comment on column read.transmissions.version is 'The sequence of its last event.';

create table read.spools (
    spool_id bigint primary key,
    transmission_id bigint not null,
    user_id bigint not null,
    account_id bigint,
    contact_id bigint not null,
    attempt integer not null,
    time_spool timestamptz not null,
    time_start timestamptz,
    time_connect timestamptz,
    time_end timestamptz,
    status text not null,
    response text,
    outcome text,
    provider_id bigint,
    amount integer not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
) with (fillfactor = 70);
create index on read.spools (created_position);
create index on read.spools (user_id, created_position);
create index on read.spools (transmission_id);
comment on table read.spools is 'Attempts to deliver a transmission.';
comment on column read.spools.spool_id is 'The attempt.';
comment on column read.spools.transmission_id is 'What it is an attempt of.';
comment on column read.spools.user_id is 'The user the transmission belongs to.';
comment on column read.spools.account_id is 'As whom.';
comment on column read.spools.contact_id is 'Who is reached.';
comment on column read.spools.attempt is '1 for the first attempt of its transmission.';
comment on column read.spools.time_spool is 'When it was queued.';
comment on column read.spools.time_start is 'When it went on the wire.';
comment on column read.spools.time_connect is 'When the remote side was reached.';
comment on column read.spools.time_end is 'When it ended.';
comment on column read.spools.status is 'initiated, completed or failed.';
comment on column read.spools.response is 'What the remote side said. Null once the contact is erased.';
comment on column read.spools.outcome is 'delivered, rejected, unanswered, unavailable or unknown; null while open.';
comment on column read.spools.provider_id is 'The way out.';
comment on column read.spools.amount is 'Billed seconds.';
comment on column read.spools.created_position is 'The position of the event that queued it: the order of creation.';
comment on column read.spools.created_at is 'When it was created.';
comment on column read.spools.updated_at is 'When it last changed.';
comment on column read.spools.version is 'The sequence of its last event in its transmission.';

create table read.spool_results (
    spool_id bigint not null,
    spool_result_id bigint not null,
    type text not null,
    name text not null,
    data text,
    created_at timestamptz not null,
    primary key (spool_id, spool_result_id)
);
comment on table read.spool_results is 'What was learned during attempts. Gone once the contact is erased.';
comment on column read.spool_results.spool_id is 'During which attempt.';
comment on column read.spool_results.spool_result_id is 'The result: its event''s position and its place in the event.';
comment on column read.spool_results.type is 'application, contact, message, info or error.';
comment on column read.spool_results.name is 'Which application or field.';
comment on column read.spool_results.data is 'What was learned.';
comment on column read.spool_results.created_at is 'When it was recorded.';

create table read.erased_contacts (
    contact_id bigint primary key
);
comment on table read.erased_contacts is 'Contacts of whom nothing that is said later may be kept.';
comment on column read.erased_contacts.contact_id is 'The contact.';

-- Analysts -------------------------------------------------------------------------------------

-- Roles belong to the whole server: another database of it may have made this one, or be making
-- it now; and a user given to Ledgerline on someone else's server may not be allowed to.
do $$
begin
    if not exists (select from pg_roles where rolname = 'ledgerline_reader') then
        create role ledgerline_reader login;
        alter role ledgerline_reader set search_path = read;
        alter role ledgerline_reader set default_transaction_read_only = on;
    end if;
exception
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
        raise warning 'role ledgerline_reader is missing and may not be created by %', current_user;
end
$$;

do $$
begin
    if exists (select from pg_roles where rolname = 'ledgerline_reader') then
        grant usage on schema read to ledgerline_reader;
        grant select on all tables in schema read to ledgerline_reader;
        alter default privileges in schema read grant select on tables to ledgerline_reader;
    end if;
end
$$;
