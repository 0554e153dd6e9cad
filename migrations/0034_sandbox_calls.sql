-- Who calls in through the sandbox: the far side of a pretended wire, as the outbox is. A row goes
-- when its call has ended.
create table sandbox.calls (
    spool_id bigint primary key,
    keys text,
    hangs_up_after integer,
    pages integer not null,
    placed_at timestamptz not null
);
create index on sandbox.calls (placed_at);
comment on table sandbox.calls is 'The behaviour of those who call in through the sandbox, until the call has ended.';
comment on column sandbox.calls.spool_id is 'The attempt that the call is.';
comment on column sandbox.calls.keys is 'The keys that are pressed where the call asks for some.';
comment on column sandbox.calls.hangs_up_after is 'The seconds from the answer after which the caller hangs up; null: at the end.';
comment on column sandbox.calls.pages is 'The pages of the fax that the caller sends.';
comment on column sandbox.calls.placed_at is 'The time at which the call was placed.';
