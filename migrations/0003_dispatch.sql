-- The work there is. Unlike the read models it is never rebuilt: a row here makes a worker act.

create schema dispatch;
comment on schema dispatch is 'What is to be sent. Only Ledgerline writes here.';

create table dispatch.queue (
    spool_id bigint primary key,
    transmission_id bigint not null,
    owner_id bigint,
    service smallint not null,
    due_at timestamptz not null,
    deadline timestamptz not null,
    avoid bigint[] not null,
    attempt integer not null,
    request_id text,
    correlation_id text,
    position bigint not null,
    claim_token text,
    claimed_by text,
    lease_until timestamptz
) with (
    fillfactor = 50,
    -- Rows live for moments: without this the table would mostly be dead ones.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);
create index on dispatch.queue (service, due_at);
create index on dispatch.queue (transmission_id);
comment on table dispatch.queue is 'Attempts that are due, or under way under a lease.';
comment on column dispatch.queue.spool_id is 'The attempt.';
comment on column dispatch.queue.transmission_id is 'What it is an attempt of.';
comment on column dispatch.queue.owner_id is 'The user the transmission belongs to.';
comment on column dispatch.queue.service is 'The service it needs: voice 1, fax 2, sms 4, email 8.';
comment on column dispatch.queue.due_at is 'Not before this.';
comment on column dispatch.queue.deadline is 'When it must have ended.';
comment on column dispatch.queue.avoid is 'Providers to be tried last.';
comment on column dispatch.queue.attempt is '1 for the first attempt of its transmission.';
comment on column dispatch.queue.request_id is 'The request that asked for it.';
comment on column dispatch.queue.correlation_id is 'What it belongs together with.';
comment on column dispatch.queue.position is 'The position of the event that queued it.';
comment on column dispatch.queue.claim_token is 'Under which claim it is held; null: nobody holds it.';
comment on column dispatch.queue.claimed_by is 'The worker that holds it.';
comment on column dispatch.queue.lease_until is 'When its claim runs out.';
