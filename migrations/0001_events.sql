-- The log. Events are only ever added.
create table events (
    aggregate_type text not null,
    aggregate_id text not null,
    sequence bigint not null check (sequence >= 1),
    event_type text not null,
    event_version text not null,
    payload json not null,
    metadata json not null,
    position bigint generated always as identity,
    occurred_at timestamptz not null,
    commit_id uuid not null,
    primary key (aggregate_type, aggregate_id, sequence)
);
create unique index events_position on events (position);

comment on table events is 'The log: everything that ever happened, in order. Append only.';
comment on column events.aggregate_type is 'Kind of the thing it happened to: contact, transmission …';
comment on column events.aggregate_id is 'Id of the thing, as text.';
comment on column events.sequence is 'Place within the thing''s own history, from 1.';
comment on column events.event_type is 'What happened: ContactCreated …';
comment on column events.event_version is 'Version of the payload''s form; old ones are upcast when read.';
comment on column events.payload is 'The event. Personal data is sealed with its subject''s key.';
comment on column events.metadata is 'Who caused it: user_id, request_id, correlation_id, causation, client.';
comment on column events.position is 'Place within the whole log; visible in rising order, with gaps.';
comment on column events.occurred_at is 'When it was appended.';
comment on column events.commit_id is 'Events appended together share it.';

-- Positions must become visible in rising order, or a subscriber that remembers
-- the last one it saw would miss what commits later below it. Every insert
-- therefore takes one lock before it draws its first position, whoever inserts. It
-- is a table's and not an advisory one, which anybody who may log in could hold.
create table append_lock ();
comment on table append_lock is 'Locked by whoever appends to the log; has no rows.';
create function events_append_guard() returns trigger language plpgsql as $$
begin
    lock table public.append_lock in exclusive mode;
    return null;
end $$;
create trigger events_append_guard before insert on events
    for each statement execute function events_append_guard();

create function events_are_final() returns trigger language plpgsql as $$
begin
    raise exception 'events are never changed or removed';
end $$;
create trigger events_are_final before update or delete or truncate on events
    for each statement execute function events_are_final();

create table snapshots (
    aggregate_type text not null,
    aggregate_id text not null,
    last_sequence bigint not null check (last_sequence >= 1),
    current_snapshot bigint not null check (current_snapshot >= 1),
    payload json not null,
    primary key (aggregate_type, aggregate_id)
);
comment on table snapshots is 'States of aggregates with long histories; can be deleted at any time.';

create table subject_keys (
    subject text primary key,
    sealed bytea not null
);
comment on table subject_keys is
    'One key per person or thing whose data is sealed in the log, itself sealed by the master key. Deleting a row erases its subject from history.';

create table master_key_check (
    single boolean primary key default true check (single),
    sealed text not null
);
comment on table master_key_check is
    'Something known, sealed with the master key: a start with another key is refused.';

create table claims (
    scope text not null,
    value text not null,
    holder text not null,
    primary key (scope, value)
);
comment on table claims is 'Unique names in use, written by the append that takes them.';

-- Ids come in blocks of 64: a process draws one number and owns what follows it.
create sequence ids_account increment 64 minvalue 1 start 1;
create sequence ids_contact increment 64 minvalue 1 start 1;
create sequence ids_permission increment 64 minvalue 1 start 1;
create sequence ids_program increment 64 minvalue 1 start 1;
create sequence ids_provider increment 64 minvalue 1 start 1;
create sequence ids_role increment 64 minvalue 1 start 1;
create sequence ids_session increment 64 minvalue 1 start 1;
create sequence ids_spool increment 64 minvalue 1 start 1;
create sequence ids_template increment 64 minvalue 1 start 1;
create sequence ids_transmission increment 64 minvalue 1 start 1;
create sequence ids_user increment 64 minvalue 1 start 1;
