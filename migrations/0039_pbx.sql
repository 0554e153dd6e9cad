-- The configuration of a PBX. Its records belong to tenants; models of phones belong to the
-- installation.

create sequence ids_condition increment 64 minvalue 1 start 1;
create sequence ids_custom increment 64 minvalue 1 start 1;
create sequence ids_destination increment 64 minvalue 1 start 1;
create sequence ids_disa increment 64 minvalue 1 start 1;
create sequence ids_hunt increment 64 minvalue 1 start 1;
create sequence ids_ivr increment 64 minvalue 1 start 1;
create sequence ids_phone increment 64 minvalue 1 start 1;
create sequence ids_phone_model increment 64 minvalue 1 start 1;
create sequence ids_rate_table increment 64 minvalue 1 start 1;
create sequence ids_voicemail increment 64 minvalue 1 start 1;

create table read.hunts (
    hunt_id bigint primary key,
    number text,
    name text,
    hunt_type text,
    ring_time integer,
    check_in_use boolean not null
) with (fillfactor = 90);
comment on table read.hunts is 'Hunt groups: several extensions that ring for one call.';
comment on column read.hunts.hunt_id is 'The hunt group.';
comment on column read.hunts.number is 'The number that is dialled within the tenant.';
comment on column read.hunts.name is 'The name, for people.';
comment on column read.hunts.hunt_type is 'The word for the order in which members ring, as it was written.';
comment on column read.hunts.ring_time is 'The seconds that members ring.';
comment on column read.hunts.check_in_use is 'True if members that are in a call are skipped.';

create table read.ivrs (
    ivr_id bigint primary key,
    name text,
    recording_id bigint,
    timeout integer
) with (fillfactor = 90);
comment on table read.ivrs is 'IVRs: menus that a caller answers by digits.';
comment on column read.ivrs.ivr_id is 'The IVR.';
comment on column read.ivrs.name is 'The name, for people.';
comment on column read.ivrs.recording_id is 'The recording that is played to the caller.';
comment on column read.ivrs.timeout is 'The seconds that a digit is waited for.';

create table read.conditions (
    condition_id bigint primary key,
    name text,
    condition_type text,
    timezone text,
    param1 text,
    param2 text,
    param3 text,
    param4 text,
    param5 text,
    param6 text,
    param7 text,
    param8 text,
    param9 text,
    param10 text,
    param11 text,
    param12 text,
    problem text
) with (fillfactor = 90);
comment on table read.conditions is 'Conditions: questions about a call that decide where it goes.';
comment on column read.conditions.condition_id is 'The condition.';
comment on column read.conditions.name is 'The name, for people.';
comment on column read.conditions.condition_type is 'The word for the question, as it was written.';
comment on column read.conditions.timezone is 'The time zone of times in the parameters; null: UTC.';
comment on column read.conditions.problem is 'The reason for which it is not understood, and so is false; null if it is understood.';

create table read.destinations (
    destination_id bigint primary key,
    source_type text,
    source_id bigint,
    target_type text,
    target_id bigint,
    place integer not null
) with (fillfactor = 90);
comment on table read.destinations is 'Destinations: the edges of a PBX configuration, from where a call is to what it goes to next.';
comment on column read.destinations.destination_id is 'The destination.';
comment on column read.destinations.source_type is 'The word for the source, as it was written.';
comment on column read.destinations.source_id is 'The id of the source.';
comment on column read.destinations.target_type is 'The word for the target, as it was written.';
comment on column read.destinations.target_id is 'The id of the target; null where it has none.';
comment on column read.destinations.place is 'The place among the destinations of the same source, from 1.';

create table read.voicemails (
    voicemail_id bigint primary key,
    mailbox text,
    fullname text,
    email text,
    has_pin boolean not null
) with (fillfactor = 90);
comment on table read.voicemails is 'Voicemail boxes, without their PINs.';
comment on column read.voicemails.voicemail_id is 'The voicemail box.';
comment on column read.voicemails.mailbox is 'The number of the box within the tenant.';
comment on column read.voicemails.fullname is 'The name of the person or desk.';
comment on column read.voicemails.email is 'The address that messages are sent to.';
comment on column read.voicemails.has_pin is 'True if there is a PIN.';

create table read.phones (
    phone_id bigint primary key,
    name text,
    phone_model_id bigint,
    mac text,
    filename text,
    http_user text,
    has_http_password boolean not null
) with (fillfactor = 90);
comment on table read.phones is 'Phones: devices that are provisioned for extensions, without their passwords.';
comment on column read.phones.phone_id is 'The phone.';
comment on column read.phones.name is 'The name, for people.';
comment on column read.phones.phone_model_id is 'The model.';
comment on column read.phones.mac is 'The MAC address as it was written.';
comment on column read.phones.filename is 'The name of the file that the phone asks for.';
comment on column read.phones.http_user is 'The name that the phone logs in with to fetch its configuration.';
comment on column read.phones.has_http_password is 'True if there is a password that goes with it.';

create table read.phone_models (
    phone_model_id bigint primary key,
    name text,
    vendor text
) with (fillfactor = 90);
comment on table read.phone_models is 'Models of phones.';
comment on column read.phone_models.phone_model_id is 'The model.';
comment on column read.phone_models.name is 'The name.';
comment on column read.phone_models.vendor is 'The manufacturer.';

create table read.customs (
    custom_id bigint primary key,
    name text,
    custom_type text not null,
    number text
) with (fillfactor = 90);
comment on table read.customs is 'Custom destinations: what a call can go to beyond extensions, hunt groups and the like.';
comment on column read.customs.custom_id is 'The custom destination.';
comment on column read.customs.name is 'The name, for people.';
comment on column read.customs.custom_type is 'The type: forward.';
comment on column read.customs.number is 'The number that calls are forwarded to.';

create table read.disas (
    disa_id bigint primary key,
    name text,
    has_pin boolean not null,
    caller_id text,
    outbound boolean not null,
    timeout integer,
    attempts integer
) with (fillfactor = 90);
comment on table read.disas is 'DISAs: callers from outside dial on as an extension would, after a PIN, which is not here.';
comment on column read.disas.disa_id is 'The DISA.';
comment on column read.disas.name is 'The name, for people.';
comment on column read.disas.has_pin is 'True if there is a PIN.';
comment on column read.disas.caller_id is 'The number that calls show; null: that of the tenant''s trunk.';
comment on column read.disas.outbound is 'True if numbers outside may be dialled.';
comment on column read.disas.timeout is 'The seconds that digits are waited for.';
comment on column read.disas.attempts is 'The number of wrong PINs after which the call ends.';

create table read.rate_tables (
    rate_table_id bigint primary key,
    name text,
    currency text,
    rates jsonb,
    rate_total integer not null
) with (fillfactor = 90);
comment on table read.rate_tables is 'Rate tables: prices of calls by the beginning of the number.';
comment on column read.rate_tables.rate_table_id is 'The rate table.';
comment on column read.rate_tables.name is 'The name, for people.';
comment on column read.rate_tables.currency is 'The currency, as an ISO 4217 code.';
comment on column read.rate_tables.rates is 'The rates: prefix, per_minute and per_call in millionths of the currency, increment in seconds.';
comment on column read.rate_tables.rate_total is 'The number of rates.';

-- What all of them have ------------------------------------------------------------------------

do $$
declare
    list text;
begin
    for number in 1..12 loop
        execute format('comment on column read.conditions.%I is %L', 'param' || number,
            'The parameter with this number; the type gives its meaning.');
    end loop;
    foreach list in array array['conditions', 'customs', 'destinations', 'disas', 'hunts', 'ivrs',
        'phone_models', 'phones', 'rate_tables', 'voicemails']
    loop
        execute format('alter table read.%I add column created_position bigint not null,
            add column created_at timestamptz not null, add column updated_at timestamptz not null,
            add column version bigint not null', list);
        execute format('create index on read.%I (created_position)', list);
        execute format('comment on column read.%I.created_position is
            ''The position of the event that created it: the order of creation.''', list);
        execute format('comment on column read.%I.created_at is ''The time of creation.''', list);
        execute format('comment on column read.%I.updated_at is ''The time of the last change.''', list);
        execute format('comment on column read.%I.version is ''The sequence of its last event.''', list);
        if list = 'phone_models' then
            perform read.make_listable(list, 'all');
            continue;
        end if;
        execute format('alter table read.%I add column tenant_id bigint not null', list);
        execute format('create index on read.%I (tenant_id, created_position)', list);
        execute format('comment on column read.%I.tenant_id is ''The tenant.''', list);
        perform read.make_listable(list, 'by tenant');
    end loop;
end $$;

-- Filters and sorts ----------------------------------------------------------------------------

create index on read.hunts (lower(coalesce(number, '')), created_position);
create index on read.hunts (lower(coalesce(name, '')), created_position);
create index on read.hunts (lower(coalesce(hunt_type, '')), created_position);
create index on read.hunts (coalesce(ring_time, 0), created_position);
create index on read.hunts (check_in_use, created_position);
create index on read.hunts using gin (number gin_trgm_ops, name gin_trgm_ops, hunt_type gin_trgm_ops);

create index on read.ivrs (lower(coalesce(name, '')), created_position);
create index on read.ivrs (coalesce(recording_id, 0), created_position);
create index on read.ivrs (coalesce(timeout, 0), created_position);
create index on read.ivrs using gin (name gin_trgm_ops);

create index on read.conditions (lower(coalesce(name, '')), created_position);
create index on read.conditions (lower(coalesce(condition_type, '')), created_position);
create index on read.conditions (lower(coalesce(timezone, '')), created_position);
create index on read.conditions ((problem is null), created_position);
create index on read.conditions using gin (name gin_trgm_ops);

create index on read.destinations (lower(coalesce(source_type, '')), created_position);
create index on read.destinations (coalesce(source_id, 0), created_position);
create index on read.destinations (lower(coalesce(target_type, '')), created_position);
create index on read.destinations (coalesce(target_id, 0), created_position);
create index on read.destinations (place, created_position);
-- The destinations of a source, which are counted and followed.
create index on read.destinations
    (tenant_id, coalesce(source_id, 0), lower(coalesce(source_type, '')), place);

create index on read.voicemails (lower(coalesce(mailbox, '')), created_position);
create index on read.voicemails (lower(coalesce(fullname, '')), created_position);
create index on read.voicemails (lower(coalesce(email, '')), created_position);
create index on read.voicemails (has_pin, created_position);
create index on read.voicemails using gin (mailbox gin_trgm_ops, fullname gin_trgm_ops);

create index on read.phones (lower(coalesce(name, '')), created_position);
create index on read.phones (coalesce(phone_model_id, 0), created_position);
create index on read.phones (lower(coalesce(mac, '')), created_position);
create index on read.phones (lower(coalesce(filename, '')), created_position);
create index on read.phones (lower(coalesce(http_user, '')), created_position);
create index on read.phones (has_http_password, created_position);
create index on read.phones using gin (name gin_trgm_ops, mac gin_trgm_ops, filename gin_trgm_ops,
    http_user gin_trgm_ops);

create index on read.phone_models (lower(coalesce(name, '')), created_position);
create index on read.phone_models (lower(coalesce(vendor, '')), created_position);
create index on read.phone_models using gin (name gin_trgm_ops, vendor gin_trgm_ops);

create index on read.customs (lower(coalesce(name, '')), created_position);
create index on read.customs (lower(coalesce(custom_type, '')), created_position);
create index on read.customs (coalesce(number, ''), created_position);
create index on read.customs (reverse(number) text_pattern_ops);
create index on read.customs using gin (name gin_trgm_ops);

create index on read.disas (lower(coalesce(name, '')), created_position);
create index on read.disas (has_pin, created_position);
create index on read.disas (coalesce(caller_id, ''), created_position);
create index on read.disas (reverse(caller_id) text_pattern_ops);
create index on read.disas (outbound, created_position);
create index on read.disas (coalesce(timeout, 0), created_position);
create index on read.disas (coalesce(attempts, 0), created_position);
create index on read.disas using gin (name gin_trgm_ops);

create index on read.rate_tables (lower(coalesce(name, '')), created_position);
create index on read.rate_tables (lower(coalesce(currency, '')), created_position);
create index on read.rate_tables (rate_total, created_position);
create index on read.rate_tables using gin (name gin_trgm_ops);
