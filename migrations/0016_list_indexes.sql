-- Lists of any size. Every filter and every sort has an index; those of a list's order end with
-- created_position, so that a page of them begins where the last one ended. An index on
-- coalesce(column, '') or (column, 0) is for a filter and for the sort, which knows no null.

-- people ---------------------------------------------------------------------------------------

drop index read.contacts_lower_idx;
create index on read.contacts (lower(coalesce(email, '')), created_position);
create index on read.contacts (lower(coalesce(first_name, '')), created_position);
create index on read.contacts (lower(coalesce(last_name, '')), created_position);
create index on read.contacts (coalesce(phone, ''), created_position);

drop index read.accounts_lower_idx;
create index on read.accounts (lower(coalesce(email, '')), created_position);
create index on read.accounts (lower(coalesce(username, '')), created_position);
create index on read.accounts (lower(coalesce(first_name, '')), created_position);
create index on read.accounts (lower(coalesce(last_name, '')), created_position);
create index on read.accounts (coalesce(phone, ''), created_position);
create index on read.accounts (active, created_position);

-- access ---------------------------------------------------------------------------------------

-- Of the two on lower(…) a rebuild may have exchanged the names.
do $$
declare
    old constant regclass := (
        select indexrelid from pg_index
         where indrelid = 'read.users'::regclass and pg_get_indexdef(indexrelid) like '%lower(email)%');
begin
    execute format('drop index %s', old);
end $$;
create index on read.users (lower(coalesce(email, '')), created_position);
create index on read.users (lower(coalesce(username, '')), created_position);
create index on read.users (lower(coalesce(first_name, '')), created_position);
create index on read.users (lower(coalesce(last_name, '')), created_position);
create index on read.users (coalesce(phone, ''), created_position);
create index on read.users (active, created_position);

create index on read.roles (lower(name), created_position);
create index on read.roles using gin (description gin_trgm_ops);

drop index read.permissions_name_idx;
create index on read.permissions (lower(name) text_pattern_ops);
create index on read.permissions (name, created_position);
create index on read.permissions using gin (description gin_trgm_ops);

-- outreach -------------------------------------------------------------------------------------

drop index read.templates_name_subject_idx;
create index on read.templates using gin (name gin_trgm_ops, type gin_trgm_ops,
    description gin_trgm_ops, subject gin_trgm_ops, body gin_trgm_ops, body_alt gin_trgm_ops);
create index on read.templates (lower(coalesce(name, '')), created_position);
create index on read.templates (lower(coalesce(subject, '')), created_position);
create index on read.templates (lower(coalesce(type, '')), created_position);
create index on read.templates (coalesce(length, 0), created_position);

create index on read.programs (lower(name), created_position);
create index on read.programs (type, created_position);
create index on read.programs (coalesce(parent_id, 0), created_position);

create index on read.recordings (lower(coalesce(name, '')), created_position);
create index on read.recordings (lower(coalesce(file_name, '')), created_position);
create index on read.recordings (coalesce(length, 0), created_position);

create index on read.texts (lower(coalesce(name, '')), created_position);
create index on read.texts (coalesce(type, ''), created_position);
create index on read.texts (coalesce(length, 0), created_position);

-- delivery -------------------------------------------------------------------------------------

create index on read.providers using gin (name gin_trgm_ops);
create index on read.providers (lower(name), created_position);
create index on read.providers (type, created_position);
create index on read.providers (lower(coalesce(host, '')), created_position);
create index on read.providers (service_flag, created_position);
create index on read.providers (gateway_flag, created_position);
create index on read.providers (node_id, created_position);
create index on read.providers (weight, created_position);
create index on read.providers (active, created_position);

drop index read.transmissions_contact_id_idx;
drop index read.transmissions_program_id_idx;
drop index read.transmissions_status_created_position_idx;
create index on read.transmissions (contact_id, created_position);
create index on read.transmissions (program_id, created_position);
create index on read.transmissions (coalesce(account_id, 0), created_position);
create index on read.transmissions (service_flag, created_position);
create index on read.transmissions (direction, created_position);
create index on read.transmissions (status, created_position);
create index on read.transmissions (outcome, created_position);
create index on read.transmissions (coalesce(last_run, 'epoch'), created_position);
create index on read.transmissions using gin (title gin_trgm_ops, origin gin_trgm_ops,
    response gin_trgm_ops);

-- The time of creation, and how many there are ---------------------------------------------------

create table read.totals (
    list text not null,
    user_id bigint not null,
    total bigint not null,
    primary key (list, user_id)
) with (fillfactor = 50);
comment on table read.totals is 'How many rows the lists have, kept as rows come and go, because counting a million takes too long.';
comment on column read.totals.list is 'The table.';
comment on column read.totals.user_id is 'Whose rows; 0: everybody''s.';
comment on column read.totals.total is 'How many.';

create function read.count_into_totals() returns trigger language plpgsql as $$
declare
    factor constant bigint := case tg_op when 'INSERT' then 1 else -1 end;
begin
    insert into read.totals as kept (list, user_id, total)
    select tg_table_name, 0, factor * count(*) from changed having count(*) > 0
    on conflict (list, user_id) do update set total = kept.total + excluded.total;
    if tg_argv[0] = 'by owner' then
        insert into read.totals as kept (list, user_id, total)
        select tg_table_name, user_id, factor * count(*) from changed
         where user_id is not null group by user_id
        on conflict (list, user_id) do update set total = kept.total + excluded.total;
    end if;
    if factor < 0 then
        delete from read.totals where list = tg_table_name and total = 0 and user_id <> 0;
    end if;
    return null;
end $$;
comment on function read.count_into_totals is 'Keeps read.totals when rows come or go.';

create function read.move_between_totals() returns trigger language plpgsql as $$
begin
    update read.totals set total = total - 1 where list = tg_table_name and user_id = old.user_id;
    delete from read.totals where list = tg_table_name and user_id = old.user_id and total = 0;
    insert into read.totals as kept (list, user_id, total)
    select tg_table_name, new.user_id, 1 where new.user_id is not null
    on conflict (list, user_id) do update set total = kept.total + 1;
    return null;
end $$;
comment on function read.move_between_totals is 'Keeps read.totals when a row changes hands.';

-- Counts anew what a table holds: of the live one, or of the one built beside it.
create function read.recount(list text, by_owner boolean, schema text default 'read')
    returns void language plpgsql as $$
begin
    delete from read.totals t where t.list = recount.list;
    execute format('insert into read.totals select %L, 0, count(*) from %I.%I', list, schema, list);
    if by_owner then
        execute format('insert into read.totals select %L, user_id, count(*) from %I.%I
            where user_id is not null group by user_id', list, schema, list);
    end if;
end $$;
comment on function read.recount is 'Makes read.totals anew for one table.';

-- What the table of a list needs beside its own indexes. A user owns nothing but the one row.
create function read.make_listable(list text, by_owner boolean) returns void language plpgsql as $$
declare
    how constant text := case when by_owner then 'by owner' else 'all' end;
begin
    execute format('create index on read.%I (created_at, created_position)', list);
    execute format('create trigger totals_of_new after insert on read.%I referencing new table as changed
        for each statement execute function read.count_into_totals(%L)', list, how);
    execute format('create trigger totals_of_gone after delete on read.%I referencing old table as changed
        for each statement execute function read.count_into_totals(%L)', list, how);
    if by_owner then
        execute format('create trigger totals_of_moved after update of user_id on read.%I
            for each row when (old.user_id is distinct from new.user_id)
            execute function read.move_between_totals()', list);
    end if;
    perform read.recount(list, by_owner);
end $$;
comment on function read.make_listable is
    'For migrations: gives a new table of a list the index of its time of creation, and its totals.';

-- Attempts are no list of their own: they are read with their transmission.
select read.make_listable(c.relname, exists (
        select from pg_attribute a
         where a.attrelid = c.oid and a.attname = 'user_id' and c.relname <> 'users'))
  from pg_class c
 where c.relkind = 'r' and c.relnamespace = 'read'::regnamespace and c.relname <> 'spools'
   and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'created_position')
 order by c.relname;
