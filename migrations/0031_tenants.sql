-- Companies that share an installation. What there was before is the first tenant's.

create sequence ids_tenant increment 64 minvalue 1 start 2;

create table read.tenants (
    tenant_id bigint primary key,
    code text not null,
    name text,
    numbers text[] not null,
    mail_domains text[] not null,
    max_users integer,
    max_accounts integer,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
) with (fillfactor = 90);
create index on read.tenants (created_position);
create index on read.tenants (lower(code), created_position);
create index on read.tenants (lower(coalesce(name, '')), created_position);
create index on read.tenants using gin (code gin_trgm_ops, name gin_trgm_ops);
comment on table read.tenants is 'The companies that share the installation.';
comment on column read.tenants.tenant_id is 'The tenant.';
comment on column read.tenants.code is 'Its short name, which ends the names of its SIP users.';
comment on column read.tenants.name is 'Its name, for people.';
comment on column read.tenants.numbers is 'The phone numbers that its account administrators may assign.';
comment on column read.tenants.mail_domains is 'The mail domains in which its account administrators may assign addresses.';
comment on column read.tenants.max_users is 'The most users whose home it is; null: no limit.';
comment on column read.tenants.max_accounts is 'The most accounts of it; null: no limit.';
comment on column read.tenants.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.tenants.created_at is 'The time of creation.';
comment on column read.tenants.updated_at is 'The time of the last change.';
comment on column read.tenants.version is 'The sequence of its last event.';

create table read.user_tenants (
    user_id bigint not null,
    tenant_id bigint not null,
    primary key (user_id, tenant_id)
);
create index on read.user_tenants (tenant_id);
comment on table read.user_tenants is 'The tenants that a user is assigned to, the home tenant among them.';
comment on column read.user_tenants.user_id is 'The user.';
comment on column read.user_tenants.tenant_id is 'The tenant.';

-- Rows of one owner -----------------------------------------------------------------------------

-- A column with a constant default costs nothing on a full table.
do $$
declare
    owned text;
begin
    foreach owned in array array['accounts', 'campaigns', 'contacts', 'documents', 'groups',
        'optouts', 'programs', 'recordings', 'schedules', 'spools', 'templates', 'texts',
        'transmissions', 'users']
    loop
        execute format('alter table read.%I add column tenant_id bigint not null default 1', owned);
        execute format('comment on column read.%I.tenant_id is %L', owned,
            case owned when 'users' then 'The home tenant.' else 'The tenant of the owner.' end);
        if owned <> 'spools' then
            execute format('create index on read.%I (tenant_id, created_position)', owned);
        end if;
    end loop;
end $$;

alter table read.providers add column tenant_id bigint;
create index on read.providers (coalesce(tenant_id, 0), created_position);
comment on column read.providers.tenant_id is 'The tenant that alone uses it; null: all of the installation do.';

alter table sandbox.outbox add column tenant_id bigint not null default 1;
create index on sandbox.outbox (tenant_id, outbox_id);
comment on column sandbox.outbox.tenant_id is 'The tenant of the owner.';

insert into read.user_tenants select user_id, 1 from read.users;

-- Rights within a tenant, and counters of one -----------------------------------------------------

create function pg_temp.key_with_tenant(changed regclass, columns text) returns void
    language plpgsql as $$
declare
    old constant name := (select conname from pg_constraint where conrelid = changed and contype = 'p');
begin
    execute format('alter table %s add column tenant_id bigint not null default 1', changed);
    execute format('alter table %s drop constraint %I, add primary key (%s, tenant_id)',
        changed, old, columns);
end $$;

select pg_temp.key_with_tenant('read.user_roles', 'user_id, role_id');
select pg_temp.key_with_tenant('read.user_permissions', 'user_id, permission_id');
select pg_temp.key_with_tenant('read.totals', 'list, user_id');
select pg_temp.key_with_tenant(counts, 'user_id, span, starts_at, service_flag')
  from unnest(array['read.campaign_counts', 'read.contact_counts', 'read.group_counts',
       'read.spool_counts', 'read.transmission_counts']::regclass[]) counts;

comment on column read.user_roles.tenant_id is 'The tenant within which the user has the role.';
comment on column read.user_permissions.tenant_id is 'The tenant within which the user has the permission.';
comment on column read.totals.tenant_id is 'The tenant of the rows; 0: they belong to the installation.';
comment on column read.totals.user_id is 'The owner of the rows; 0: all of the tenant.';
comment on column read.campaign_counts.tenant_id is 'The tenant of the owner.';
comment on column read.campaign_counts.user_id is 'The owner; 0: all of the tenant.';
comment on column read.contact_counts.tenant_id is 'The tenant of the owner.';
comment on column read.contact_counts.user_id is 'The owner; 0: all of the tenant.';
comment on column read.group_counts.tenant_id is 'The tenant of the owner.';
comment on column read.group_counts.user_id is 'The owner; 0: all of the tenant.';
comment on column read.spool_counts.tenant_id is 'The tenant of the owner.';
comment on column read.spool_counts.user_id is 'The owner; 0: all of the tenant.';
comment on column read.transmission_counts.tenant_id is 'The tenant of the owner.';
comment on column read.transmission_counts.user_id is 'The owner; 0: all of the tenant.';

-- Totals -----------------------------------------------------------------------------------------

-- Lists are counted 'by owner', 'by tenant' or, if they belong to the installation, as 'all'.
create or replace function read.count_into_totals() returns trigger language plpgsql as $$
declare
    factor constant bigint := case tg_op when 'INSERT' then 1 else -1 end;
begin
    if tg_argv[0] = 'all' then
        insert into read.totals as kept (list, tenant_id, user_id, total)
        select tg_table_name, 0, 0, factor * count(*) from changed having count(*) > 0
        on conflict (list, user_id, tenant_id) do update set total = kept.total + excluded.total;
        return null;
    end if;
    insert into read.totals as kept (list, tenant_id, user_id, total)
    select tg_table_name, coalesce(tenant_id, 0), 0, factor * count(*) from changed group by 2
    on conflict (list, user_id, tenant_id) do update set total = kept.total + excluded.total;
    if tg_argv[0] = 'by owner' then
        insert into read.totals as kept (list, tenant_id, user_id, total)
        select tg_table_name, tenant_id, user_id, factor * count(*) from changed
         where user_id is not null group by 2, 3
        on conflict (list, user_id, tenant_id) do update set total = kept.total + excluded.total;
    end if;
    if factor < 0 then
        delete from read.totals
         where list = tg_table_name and total = 0 and (user_id <> 0 or tenant_id <> 0);
    end if;
    return null;
end $$;

create or replace function read.move_between_totals() returns trigger language plpgsql as $$
begin
    update read.totals set total = total - 1
     where list = tg_table_name and user_id = old.user_id and tenant_id = old.tenant_id;
    delete from read.totals
     where list = tg_table_name and user_id = old.user_id and tenant_id = old.tenant_id and total = 0;
    insert into read.totals as kept (list, tenant_id, user_id, total)
    select tg_table_name, new.tenant_id, new.user_id, 1 where new.user_id is not null
    on conflict (list, user_id, tenant_id) do update set total = kept.total + 1;
    return null;
end $$;

-- Counts anew what a table holds: of the live one, or of the one built beside it.
drop function read.recount;
create function read.recount(list text, how text, schema text default 'read')
    returns void language plpgsql as $$
begin
    delete from read.totals t where t.list = recount.list;
    if how = 'all' then
        execute format('insert into read.totals (list, tenant_id, user_id, total)
            select %L, 0, 0, count(*) from %I.%I', list, schema, list);
        return;
    end if;
    execute format('insert into read.totals (list, tenant_id, user_id, total)
        select %L, coalesce(tenant_id, 0), 0, count(*) from %I.%I group by 2', list, schema, list);
    -- So that it is known to be counted.
    insert into read.totals (list, tenant_id, user_id, total) values (list, 0, 0, 0)
        on conflict do nothing;
    if how = 'by owner' then
        execute format('insert into read.totals (list, tenant_id, user_id, total)
            select %L, tenant_id, user_id, count(*) from %I.%I
            where user_id is not null group by 2, 3', list, schema, list);
    end if;
end $$;
comment on function read.recount is 'Makes read.totals anew for one table.';

drop function read.make_listable;
create function read.make_listable(list text, how text) returns void language plpgsql as $$
begin
    execute format('create index on read.%I (created_at, created_position)', list);
    execute format('create trigger totals_of_new after insert on read.%I referencing new table as changed
        for each statement execute function read.count_into_totals(%L)', list, how);
    execute format('create trigger totals_of_gone after delete on read.%I referencing old table as changed
        for each statement execute function read.count_into_totals(%L)', list, how);
    if how = 'by owner' then
        execute format('create trigger totals_of_moved after update of user_id on read.%I
            for each row when (old.user_id is distinct from new.user_id)
            execute function read.move_between_totals()', list);
    end if;
    perform read.recount(list, how);
end $$;
comment on function read.make_listable is
    'For migrations: gives a new table of a list the index of its time of creation, and its totals: by owner, by tenant, or all.';

-- What was counted before is the first tenant's, or the installation's.
update read.totals set tenant_id = 0 where list in ('permissions', 'providers', 'roles');
insert into read.totals (list, tenant_id, user_id, total)
select distinct list, 0, 0, 0 from read.totals on conflict do nothing;
delete from read.totals where total = 0 and tenant_id <> 0;

do $$
declare
    list text;
begin
    foreach list in array array['providers', 'users'] loop
        execute format('drop trigger totals_of_new on read.%I', list);
        execute format('drop trigger totals_of_gone on read.%I', list);
        execute format('create trigger totals_of_new after insert on read.%I referencing new table as changed
            for each statement execute function read.count_into_totals(%L)', list, 'by tenant');
        execute format('create trigger totals_of_gone after delete on read.%I referencing old table as changed
            for each statement execute function read.count_into_totals(%L)', list, 'by tenant');
    end loop;
end $$;

select read.make_listable('tenants', 'all');
