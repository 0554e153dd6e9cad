-- Time zones by name, and what the workers know of the providers.

alter table read.contacts add column timezone text;
comment on column read.contacts.timezone is 'IANA name of the time zone.';
alter table read.accounts add column timezone text;
comment on column read.accounts.timezone is 'IANA name of the time zone.';
alter table read.users add column timezone text;
comment on column read.users.timezone is 'IANA name of the time zone; the name to timezone_id.';
comment on column read.users.timezone_id is 'Number in the list of time zones, GET /timezones.';

create index on read.accounts (type, created_position);

-- Outside the log, as the queue is: what is true for moments and means nothing afterwards.
create table dispatch.workers (
    worker text primary key,
    node_id integer,
    started_at timestamptz not null,
    seen_at timestamptz not null
) with (fillfactor = 50);
comment on table dispatch.workers is 'Workers that run, as they say themselves every few seconds.';
comment on column dispatch.workers.worker is 'Its name, as in events.';
comment on column dispatch.workers.node_id is 'The number of its node; null: none.';
comment on column dispatch.workers.started_at is 'When it started.';
comment on column dispatch.workers.seen_at is 'When it last said that it runs.';

create table dispatch.provider_health (
    worker text not null references dispatch.workers (worker) on delete cascade,
    provider_id bigint not null,
    reachable boolean,
    registered boolean,
    last_error text,
    in_flight integer not null,
    rate integer not null,
    primary key (worker, provider_id)
) with (fillfactor = 50);
create index on dispatch.provider_health (provider_id);
comment on table dispatch.provider_health is 'What each worker knows of each provider that it may use.';
comment on column dispatch.provider_health.worker is 'The worker.';
comment on column dispatch.provider_health.provider_id is 'The provider.';
comment on column dispatch.provider_health.reachable is 'Whether the last contact went well; null: there was none yet.';
comment on column dispatch.provider_health.registered is 'Whether it is registered there; null where one does not register.';
comment on column dispatch.provider_health.last_error is 'What went wrong last, without addresses or secrets.';
comment on column dispatch.provider_health.in_flight is 'Attempts under way.';
comment on column dispatch.provider_health.rate is 'Attempts started in the last minute.';
