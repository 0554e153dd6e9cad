-- Schedules fire. What fired for the last time stays, done; what is missed is run or not.
alter table read.schedules
    alter column next_run drop not null,
    add column if_missed text not null default 'run',
    add column last_run timestamptz,
    add column last_result text;

-- What is due.
create index on read.schedules (next_run) where state = 'pending';
-- A list is sorted by what is never null.
create index on read.schedules (coalesce(next_run, '9999-12-31 00:00Z'), created_position);
create index on read.schedules (coalesce(last_run, 'epoch'), created_position);
create index on read.schedules (if_missed, created_position);
do $$
declare
    old constant regclass := (
        select indexrelid from pg_index
         where indrelid = 'read.schedules'::regclass
           and pg_get_indexdef(indexrelid) like '% (next_run, created_position)');
begin
    execute format('drop index %s', old);
end
$$;

comment on table read.schedules is 'What is to be done, and when. What fired for the last time is here as done; a cancelled one is not here any more.';
comment on column read.schedules.state is 'pending or done.';
comment on column read.schedules.next_run is 'When it is due next; null when it is done.';
comment on column read.schedules.if_missed is 'What of a time that passed in an outage: run (once for all of them) or skip.';
comment on column read.schedules.last_run is 'When it last fired.';
comment on column read.schedules.last_result is 'What came of it when it was last due: done, missed, or why it was refused.';
