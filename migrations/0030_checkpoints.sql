-- Checkpoints belong to the log's subscribers, of which read models are only some. What queried
-- or moved them in schema read goes on: a view of one table can be written to as well.
alter table read.checkpoints set schema public;

comment on table checkpoints is 'How far each subscriber has followed the event log.';
comment on column checkpoints.name is 'The subscriber.';
comment on column checkpoints.position is 'The position of the last event it has applied.';
comment on column checkpoints.stopped_at_position is 'The event that it could not apply and is stopped at; null while it runs.';
comment on column checkpoints.error is 'The error there.';
comment on column checkpoints.stopped_since is 'The time since which it is stopped there.';
comment on column checkpoints.updated_at is 'The time at which it last moved.';

create view read.checkpoints as select * from public.checkpoints;
comment on view read.checkpoints is 'How far each subscriber has followed the event log.';
comment on column read.checkpoints.name is 'The subscriber.';
comment on column read.checkpoints.position is 'The position of the last event it has applied.';
comment on column read.checkpoints.stopped_at_position is 'The event that it could not apply and is stopped at; null while it runs.';
comment on column read.checkpoints.error is 'The error there.';
comment on column read.checkpoints.stopped_since is 'The time since which it is stopped there.';
comment on column read.checkpoints.updated_at is 'The time at which it last moved.';

-- Default privileges hold for tables of the role that set them only.
do $$
begin
    if exists (select from pg_roles where rolname = 'ledgerline_reader') then
        grant select on read.checkpoints to ledgerline_reader;
    end if;
end
$$;
