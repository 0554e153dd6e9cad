-- Do not contact: addresses at which their owner reaches nobody.

create sequence ids_optout increment 64 minvalue 1 start 1;

create table read.optouts (
    optout_id bigint primary key,
    user_id bigint not null,
    channel text not null,
    address text,
    reason text,
    source text not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
) with (fillfactor = 90);
create index on read.optouts (created_position);
create index on read.optouts (user_id, created_position);
create index on read.optouts (channel, created_position);
create index on read.optouts (source, created_position);
create index on read.optouts (lower(coalesce(address, '')), created_position);
create index on read.optouts using gin (address gin_trgm_ops, reason gin_trgm_ops);
comment on table read.optouts is 'Do not contact: addresses at which their owner reaches nobody.';
comment on column read.optouts.optout_id is 'The opt-out.';
comment on column read.optouts.user_id is 'The user whom it keeps from sending.';
comment on column read.optouts.channel is 'By which way nobody is reached: voice, fax, sms, email, or any.';
comment on column read.optouts.address is 'The phone number or email address, as it was written; null once it was erased.';
comment on column read.optouts.reason is 'Why, as somebody noted it.';
comment on column read.optouts.source is 'Where it came from: api, csv, stop, unsubscribe or complaint.';
comment on column read.optouts.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.optouts.created_at is 'When it was created.';
comment on column read.optouts.updated_at is 'When it last changed.';
comment on column read.optouts.version is 'The sequence of its last event.';
select read.make_listable('optouts', true);
