-- What keeps the workers together within a pace and within a provider's limits.

create table dispatch.slots (
    key text primary key,
    last_at timestamptz not null
) with (
    fillfactor = 50,
    -- A handful of rows that change many times a second.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);
comment on table dispatch.slots is 'The last slot to start in that was handed out, for each pace that several workers keep together.';
comment on column dispatch.slots.key is 'Whose pace it is: campaign/ID or provider/ID.';
comment on column dispatch.slots.last_at is 'When that slot begins, by the database''s clock.';

create table dispatch.provider_channels (
    provider_id bigint not null,
    worker text not null,
    wanted integer not null,
    granted integer not null,
    until timestamptz not null,
    primary key (provider_id, worker)
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);
comment on table dispatch.provider_channels is 'How many attempts at once each worker may have at a provider with a limit.';
comment on column dispatch.provider_channels.provider_id is 'The provider.';
comment on column dispatch.provider_channels.worker is 'The worker.';
comment on column dispatch.provider_channels.wanted is 'How many it could use.';
comment on column dispatch.provider_channels.granted is 'How many it may have.';
comment on column dispatch.provider_channels.until is 'When that ends unless it is renewed.';

alter table read.providers add column rate_limit integer, add column channel_limit integer;
comment on column read.providers.rate_limit is 'The most attempts that start in any second, over all workers; null: no limit.';
comment on column read.providers.channel_limit is 'The most attempts at the same time, over all workers; null: no limit.';

alter table dispatch.provider_health
    add column state text not null default 'working',
    add column resting_until timestamptz,
    add column failures integer not null default 0,
    add column delivered integer not null default 0,
    add column rejected integer not null default 0,
    add column unanswered integer not null default 0,
    add column unavailable integer not null default 0,
    add column unknown integer not null default 0;
comment on column dispatch.provider_health.state is 'working, resting (it kept failing) or probing (one attempt tries it).';
comment on column dispatch.provider_health.resting_until is 'When one attempt tries it again; null: it does not rest.';
comment on column dispatch.provider_health.failures is 'Failures in a row.';
comment on column dispatch.provider_health.delivered is 'Attempts of the last minute that were delivered.';
comment on column dispatch.provider_health.rejected is 'Attempts of the last minute that were rejected.';
comment on column dispatch.provider_health.unanswered is 'Attempts of the last minute that were not answered.';
comment on column dispatch.provider_health.unavailable is 'Attempts of the last minute that never reached anybody.';
comment on column dispatch.provider_health.unknown is 'Attempts of the last minute of which nobody can tell.';
