-- Campaigns, schedules, and how many there are of what.

create sequence ids_campaign increment 64 minvalue 1 start 1;
create sequence ids_schedule increment 64 minvalue 1 start 1;

create table read.campaigns (
    campaign_id bigint primary key,
    user_id bigint not null,
    program_id bigint not null,
    service_flag integer not null,
    group_id bigint not null,
    account_id bigint,
    pace numeric(19, 12) not null,
    try_allowed integer not null,
    source text,
    status text not null,
    contact_total bigint not null,
    contact_done bigint not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.campaigns (created_position);
create index on read.campaigns (user_id, created_position);
create index on read.campaigns (program_id, created_position);
create index on read.campaigns (group_id, created_position);
create index on read.campaigns (coalesce(account_id, 0), created_position);
create index on read.campaigns (((pace * 1000000000000)::bigint), created_position);
create index on read.campaigns (((pace * -1000000000000)::bigint), created_position);
create index on read.campaigns (try_allowed, created_position);
create index on read.campaigns (lower(coalesce(source, '')), created_position);
create index on read.campaigns (status, created_position);
create index on read.campaigns (contact_total, created_position);
create index on read.campaigns (contact_done, created_position);
create index on read.campaigns using gin (source gin_trgm_ops);
comment on table read.campaigns is 'Programs for every contact of a group. They are kept; nothing runs them yet.';
comment on column read.campaigns.campaign_id is 'The campaign.';
comment on column read.campaigns.user_id is 'The user it belongs to.';
comment on column read.campaigns.program_id is 'What is done.';
comment on column read.campaigns.service_flag is 'By which service: voice 1, fax 2, sms 4, email 8.';
comment on column read.campaigns.group_id is 'With whom.';
comment on column read.campaigns.account_id is 'As whom; null: the newest active account at the moment of sending.';
comment on column read.campaigns.pace is 'Transmissions per second.';
comment on column read.campaigns.try_allowed is 'How many attempts of each transmission may end unanswered.';
comment on column read.campaigns.source is 'What made it, as the client says.';
comment on column read.campaigns.status is 'new.';
comment on column read.campaigns.contact_total is 'How many transmissions it has made.';
comment on column read.campaigns.contact_done is 'How many of them are done.';
comment on column read.campaigns.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.campaigns.created_at is 'When it was created.';
comment on column read.campaigns.updated_at is 'When it last changed.';
comment on column read.campaigns.version is 'The sequence of its last event.';

create table read.schedules (
    schedule_id bigint primary key,
    user_id bigint not null,
    action text not null,
    transmission_id bigint,
    campaign_id bigint,
    state text not null,
    timezone text not null,
    at timestamptz,
    year text,
    month text,
    day text,
    weekday text,
    hour text,
    minute text,
    next_run timestamptz not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.schedules (created_position);
create index on read.schedules (user_id, created_position);
create index on read.schedules (transmission_id) where transmission_id is not null;
create index on read.schedules (campaign_id) where campaign_id is not null;
create index on read.schedules (next_run, created_position);
create index on read.schedules (action, created_position);
comment on table read.schedules is 'What is to be done, and when. They are kept; nothing fires them yet. A cancelled one is not here any more.';
comment on column read.schedules.schedule_id is 'The schedule.';
comment on column read.schedules.user_id is 'The user it belongs to: the one its transmission or campaign belongs to.';
comment on column read.schedules.action is 'transmission_send, campaign_start or campaign_stop.';
comment on column read.schedules.transmission_id is 'The transmission to be sent.';
comment on column read.schedules.campaign_id is 'The campaign to be started or stopped.';
comment on column read.schedules.state is 'pending.';
comment on column read.schedules.timezone is 'By whose clocks: an IANA name.';
comment on column read.schedules.at is 'When, if it is once only.';
comment on column read.schedules.year is 'Otherwise in which years: *, n, a,b, a-b or */n, as in the next five.';
comment on column read.schedules.month is 'In which months, 1 to 12.';
comment on column read.schedules.day is 'On which days of the month.';
comment on column read.schedules.weekday is 'On which days of the week; 1 is Sunday.';
comment on column read.schedules.hour is 'At which hours.';
comment on column read.schedules.minute is 'At which minutes.';
comment on column read.schedules.next_run is 'When it is due next.';
comment on column read.schedules.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.schedules.created_at is 'When it was created.';
comment on column read.schedules.updated_at is 'When it last changed.';
comment on column read.schedules.version is 'The sequence of its last event.';

-- Counters: kept in the transaction that changes the rows they count, so that statistics cost the
-- same however many rows there are. Three spans, so that counting from any second on adds up few
-- rows: days, the hours that are left, the seconds that are left.

create table read.contact_counts (
    user_id bigint not null,
    span integer not null,
    starts_at timestamptz not null,
    service_flag integer not null,
    total bigint not null,
    active bigint not null,
    completed bigint not null,
    failed bigint not null,
    primary key (user_id, span, starts_at, service_flag)
) with (fillfactor = 50);
comment on table read.contact_counts is 'How many contacts there are, by owner and by when they were created.';
comment on column read.contact_counts.user_id is 'Whose; 0 stands for everybody''s together.';
comment on column read.contact_counts.span is 'How many seconds the row stands for: 1, 3600 or 86400. Each of them counts everything.';
comment on column read.contact_counts.starts_at is 'The first of those seconds, of a UTC day or hour.';
comment on column read.contact_counts.service_flag is 'By which service: voice 1, fax 2, sms 4, email 8; 0 where there is none.';
comment on column read.contact_counts.total is 'How many there are.';
comment on column read.contact_counts.active is 'How many of them are at work.';
comment on column read.contact_counts.completed is 'How many of them ended well.';
comment on column read.contact_counts.failed is 'How many of them ended otherwise.';

create table read.transmission_counts (
    user_id bigint not null,
    span integer not null,
    starts_at timestamptz not null,
    service_flag integer not null,
    total bigint not null,
    active bigint not null,
    completed bigint not null,
    failed bigint not null,
    primary key (user_id, span, starts_at, service_flag)
) with (fillfactor = 50);
comment on table read.transmission_counts is 'How many transmissions there are, by owner and by when they were created.';
comment on column read.transmission_counts.user_id is 'Whose; 0 stands for everybody''s together.';
comment on column read.transmission_counts.span is 'How many seconds the row stands for: 1, 3600 or 86400. Each of them counts everything.';
comment on column read.transmission_counts.starts_at is 'The first of those seconds, of a UTC day or hour.';
comment on column read.transmission_counts.service_flag is 'By which service: voice 1, fax 2, sms 4, email 8; 0 where there is none.';
comment on column read.transmission_counts.total is 'How many there are.';
comment on column read.transmission_counts.active is 'How many of them are at work.';
comment on column read.transmission_counts.completed is 'How many of them ended well.';
comment on column read.transmission_counts.failed is 'How many of them ended otherwise.';

create table read.spool_counts (
    user_id bigint not null,
    span integer not null,
    starts_at timestamptz not null,
    service_flag integer not null,
    total bigint not null,
    active bigint not null,
    completed bigint not null,
    failed bigint not null,
    primary key (user_id, span, starts_at, service_flag)
) with (fillfactor = 50);
comment on table read.spool_counts is 'How many attempts there are, by owner and by when they were created.';
comment on column read.spool_counts.user_id is 'Whose; 0 stands for everybody''s together.';
comment on column read.spool_counts.span is 'How many seconds the row stands for: 1, 3600 or 86400. Each of them counts everything.';
comment on column read.spool_counts.starts_at is 'The first of those seconds, of a UTC day or hour.';
comment on column read.spool_counts.service_flag is 'By which service: voice 1, fax 2, sms 4, email 8; 0 where there is none.';
comment on column read.spool_counts.total is 'How many there are.';
comment on column read.spool_counts.active is 'How many of them are at work.';
comment on column read.spool_counts.completed is 'How many of them ended well.';
comment on column read.spool_counts.failed is 'How many of them ended otherwise.';

create table read.group_counts (
    user_id bigint not null,
    span integer not null,
    starts_at timestamptz not null,
    service_flag integer not null,
    total bigint not null,
    active bigint not null,
    completed bigint not null,
    failed bigint not null,
    primary key (user_id, span, starts_at, service_flag)
) with (fillfactor = 50);
comment on table read.group_counts is 'How many groups there are, by owner and by when they were created.';
comment on column read.group_counts.user_id is 'Whose; 0 stands for everybody''s together.';
comment on column read.group_counts.span is 'How many seconds the row stands for: 1, 3600 or 86400. Each of them counts everything.';
comment on column read.group_counts.starts_at is 'The first of those seconds, of a UTC day or hour.';
comment on column read.group_counts.service_flag is 'By which service: voice 1, fax 2, sms 4, email 8; 0 where there is none.';
comment on column read.group_counts.total is 'How many there are.';
comment on column read.group_counts.active is 'How many of them are at work.';
comment on column read.group_counts.completed is 'How many of them ended well.';
comment on column read.group_counts.failed is 'How many of them ended otherwise.';

create table read.campaign_counts (
    user_id bigint not null,
    span integer not null,
    starts_at timestamptz not null,
    service_flag integer not null,
    total bigint not null,
    active bigint not null,
    completed bigint not null,
    failed bigint not null,
    primary key (user_id, span, starts_at, service_flag)
) with (fillfactor = 50);
comment on table read.campaign_counts is 'How many campaigns there are, by owner and by when they were created.';
comment on column read.campaign_counts.user_id is 'Whose; 0 stands for everybody''s together.';
comment on column read.campaign_counts.span is 'How many seconds the row stands for: 1, 3600 or 86400. Each of them counts everything.';
comment on column read.campaign_counts.starts_at is 'The first of those seconds, of a UTC day or hour.';
comment on column read.campaign_counts.service_flag is 'By which service: voice 1, fax 2, sms 4, email 8; 0 where there is none.';
comment on column read.campaign_counts.total is 'How many there are.';
comment on column read.campaign_counts.active is 'How many of them are at work.';
comment on column read.campaign_counts.completed is 'How many of them ended well.';
comment on column read.campaign_counts.failed is 'How many of them ended otherwise.';

-- What was there before the counters.

insert into read.contact_counts
select whose, span, to_timestamp(second - second % span), service_flag, count(*),
       count(*) filter (where active), count(*) filter (where completed),
       count(*) filter (where failed)
  from (
    select user_id, created_at, 0 as service_flag, false as active, false as completed, false as
    failed from read.contacts
  ) t, unnest(array[t.user_id, 0]) whose, unnest(array[1, 3600, 86400]) span,
       lateral (select floor(extract(epoch from t.created_at))::bigint as second) s
 group by 1, 2, 3, 4;

insert into read.transmission_counts
select whose, span, to_timestamp(second - second % span), service_flag, count(*),
       count(*) filter (where active), count(*) filter (where completed),
       count(*) filter (where failed)
  from (
    select user_id, created_at, service_flag, status = 'processing' as active, status =
    'completed' as completed, status in ('failed', 'invalid') as failed from read.transmissions
  ) t, unnest(array[t.user_id, 0]) whose, unnest(array[1, 3600, 86400]) span,
       lateral (select floor(extract(epoch from t.created_at))::bigint as second) s
 group by 1, 2, 3, 4;

insert into read.spool_counts
select whose, span, to_timestamp(second - second % span), service_flag, count(*),
       count(*) filter (where active), count(*) filter (where completed),
       count(*) filter (where failed)
  from (
    select s.user_id, s.created_at, t.service_flag, s.status = 'initiated' as active, s.status =
    'completed' as completed, s.status = 'failed' as failed from read.spools s join
    read.transmissions t using (transmission_id)
  ) t, unnest(array[t.user_id, 0]) whose, unnest(array[1, 3600, 86400]) span,
       lateral (select floor(extract(epoch from t.created_at))::bigint as second) s
 group by 1, 2, 3, 4;
