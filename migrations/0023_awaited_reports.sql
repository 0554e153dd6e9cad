-- Attempts that the remote side took and has not reported on.

create table dispatch.awaited (
    spool_id bigint primary key,
    transmission_id bigint not null,
    until timestamptz not null
);
create index on dispatch.awaited (until);
create index on dispatch.awaited (transmission_id);
comment on table dispatch.awaited is 'Attempts that were taken and whose report is to come.';
comment on column dispatch.awaited.spool_id is 'The attempt.';
comment on column dispatch.awaited.transmission_id is 'What it is an attempt of.';
comment on column dispatch.awaited.until is 'When the report is late enough to be given up.';
