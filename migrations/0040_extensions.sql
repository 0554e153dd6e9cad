-- Extensions and DIDs: the accounts of these types, with the details of a PBX.

create table read.extensions (
    extension_id bigint primary key,
    user_id bigint,
    tenant_id bigint not null,
    name text,
    number text,
    cid_number text,
    cid_name text,
    follow_me_caller_id text,
    call_waiting text,
    ring_time bigint,
    active boolean not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
-- Accounts of before have these types without details.
insert into read.extensions (extension_id, user_id, tenant_id, name, active,
    created_position, created_at, updated_at, version)
select account_id, user_id, tenant_id, nullif(concat_ws(' ', first_name, last_name), ''), active,
    created_position, created_at, updated_at, version
  from read.accounts where type = 'extension';

create index on read.extensions (created_position);
create index on read.extensions (tenant_id, created_position);
create index on read.extensions (user_id, created_position);
create index on read.extensions using gin (name gin_trgm_ops, cid_name gin_trgm_ops, call_waiting gin_trgm_ops);
create index on read.extensions (lower(coalesce(name, '')), created_position);
create index on read.extensions (lower(coalesce(number, '')), created_position);
create index on read.extensions (coalesce(cid_number, ''), created_position);
create index on read.extensions (reverse(cid_number) text_pattern_ops);
create index on read.extensions (reverse(follow_me_caller_id) text_pattern_ops);
create index on read.extensions (lower(coalesce(cid_name, '')), created_position);
create index on read.extensions (coalesce(ring_time, 0), created_position);
create index on read.extensions (active, created_position);
comment on table read.extensions is 'The accounts of type extension.';
comment on column read.extensions.extension_id is 'The extension; also its account.';
comment on column read.extensions.user_id is 'The user; null while it is assigned to nobody.';
comment on column read.extensions.tenant_id is 'The tenant.';
comment on column read.extensions.name is 'The name of the person or desk.';
comment on column read.extensions.number is 'The number that is dialled within the tenant.';
comment on column read.extensions.cid_number is 'The number that calls show.';
comment on column read.extensions.cid_name is 'The name that calls show.';
comment on column read.extensions.follow_me_caller_id is 'The number that calls show on follow-me legs.';
comment on column read.extensions.call_waiting is 'The setting of call waiting, as it was written.';
comment on column read.extensions.ring_time is 'The seconds that it rings.';
comment on column read.extensions.active is 'True if it can be used.';
comment on column read.extensions.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.extensions.created_at is 'The time of creation.';
comment on column read.extensions.updated_at is 'The time of the last change.';
comment on column read.extensions.version is 'The sequence of the last event.';

create table read.dids (
    did_id bigint primary key,
    user_id bigint,
    tenant_id bigint not null,
    number text,
    connected boolean not null,
    country text,
    area text,
    comment text,
    recording boolean not null default false,
    fax boolean not null default false,
    prefix text,
    name_prefix text,
    active boolean not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
insert into read.dids (did_id, user_id, tenant_id, number, connected, active,
    created_position, created_at, updated_at, version)
select account_id, user_id, tenant_id, phone,
    coalesce(phone_basis in ('assigned', 'verified') and phone_receives, false), active,
    created_position, created_at, updated_at, version
  from read.accounts where type = 'did';

create index on read.dids (created_position);
create index on read.dids (tenant_id, created_position);
create index on read.dids (reverse(number) text_pattern_ops);
create index on read.dids (coalesce(number, ''), created_position);
create index on read.dids using gin (country gin_trgm_ops, area gin_trgm_ops, comment gin_trgm_ops,
    prefix gin_trgm_ops, name_prefix gin_trgm_ops);
create index on read.dids (user_id, created_position);
create index on read.dids (recording, created_position);
create index on read.dids (fax, created_position);
create index on read.dids (connected, created_position);
create index on read.dids (active, created_position);
create index on read.dids ((number is not null and not connected), created_position);
comment on table read.dids is 'The accounts of type did: direct inward dialling numbers.';
comment on column read.dids.did_id is 'The DID; also its account.';
comment on column read.dids.user_id is 'The user; null while it is assigned to nobody.';
comment on column read.dids.tenant_id is 'The tenant.';
comment on column read.dids.number is 'The number.';
comment on column read.dids.connected is 'True if calls to the number come in here: it is verified, or assigned to the tenant.';
comment on column read.dids.country is 'The country, as it was written.';
comment on column read.dids.area is 'The area, as it was written.';
comment on column read.dids.comment is 'A note.';
comment on column read.dids.recording is 'True if calls are recorded.';
comment on column read.dids.fax is 'True if faxes are received.';
comment on column read.dids.prefix is 'The digits that are put before the caller''s number.';
comment on column read.dids.name_prefix is 'The text that is put before the caller''s name.';
comment on column read.dids.active is 'True if it can be used.';
comment on column read.dids.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.dids.created_at is 'The time of creation.';
comment on column read.dids.updated_at is 'The time of the last change.';
comment on column read.dids.version is 'The sequence of the last event.';

select read.make_listable('extensions', 'by tenant');
select read.make_listable('dids', 'by tenant');
