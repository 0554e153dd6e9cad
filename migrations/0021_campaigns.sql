-- Campaigns run.

-- Whose membership began when, so that a campaign knows who was there when it started. Those who
-- are in a group by now were there before any campaign.
alter table read.contact_groups add column linked_position bigint not null default 0;
comment on column read.contact_groups.linked_position is 'The position of the event that linked it; 0: before positions were kept.';

alter table read.campaigns
    add column duplicates boolean not null default false,
    add column quiet_from text,
    add column quiet_to text,
    add column quiet_days text,
    add column started_at timestamptz,
    add column ended_at timestamptz,
    add column reason text,
    add column contact_made bigint not null default 0,
    add column contact_skipped bigint not null default 0;
alter table read.campaigns drop column contact_done;
create index on read.campaigns (duplicates, created_position);
comment on table read.campaigns is 'Programs for every contact of a group.';
comment on column read.campaigns.status is 'new, running, paused, completed or broken.';
comment on column read.campaigns.contact_total is 'How many contacts its group had when it started; once it has looked at all of them, how many transmissions it made.';
comment on column read.campaigns.duplicates is 'Whether a phone or address that two contacts have is reached twice.';
comment on column read.campaigns.quiet_from is 'Nobody is reached from this time of day on, by their own clocks; null: no such hours.';
comment on column read.campaigns.quiet_to is 'The first minute after that.';
comment on column read.campaigns.quiet_days is 'The days of the week on which nobody is reached, 1 is Sunday; null: none.';
comment on column read.campaigns.started_at is 'When it was first started.';
comment on column read.campaigns.ended_at is 'When it was completed or broken.';
comment on column read.campaigns.reason is 'Why it is broken.';
comment on column read.campaigns.contact_made is 'How many transmissions it has made.';
comment on column read.campaigns.contact_skipped is 'How many contacts had left the group or were deleted before their turn.';

alter table read.transmissions
    add column campaign_id bigint,
    add column suppressed boolean not null default false;
create index on read.transmissions (campaign_id, created_position) where campaign_id is not null;
comment on column read.transmissions.campaign_id is 'The campaign that made it; null: none did.';
comment on column read.transmissions.suppressed is 'Whether it was not sent because it must not or cannot be.';

create table read.campaign_progress (
    campaign_id bigint primary key,
    made bigint not null,
    done bigint not null,
    delivered bigint not null,
    rejected bigint not null,
    unanswered bigint not null,
    unavailable bigint not null,
    unknown bigint not null,
    suppressed bigint not null
) with (fillfactor = 50);
create index on read.campaign_progress (done);
comment on table read.campaign_progress is 'How far campaigns are: what became of their transmissions.';
comment on column read.campaign_progress.campaign_id is 'The campaign.';
comment on column read.campaign_progress.made is 'How many transmissions there are.';
comment on column read.campaign_progress.done is 'How many of them are done; the rest of the columns add up to it.';
comment on column read.campaign_progress.delivered is 'The remote side took it.';
comment on column read.campaign_progress.rejected is 'A final no.';
comment on column read.campaign_progress.unanswered is 'Busy, or nobody answered.';
comment on column read.campaign_progress.unavailable is 'Never reached.';
comment on column read.campaign_progress.unknown is 'It may or may not have arrived.';
comment on column read.campaign_progress.suppressed is 'Not sent because it must not or cannot be.';

create table read.campaign_starts (
    campaign_id bigint not null,
    second timestamptz not null,
    starts bigint not null,
    primary key (campaign_id, second)
) with (fillfactor = 50);
comment on table read.campaign_starts is 'How many attempts of campaigns went on the wire in which second.';
comment on column read.campaign_starts.campaign_id is 'The campaign.';
comment on column read.campaign_starts.second is 'The second.';
comment on column read.campaign_starts.starts is 'How many attempts started in it.';

-- What workers and the one who paces campaigns go by -----------------------------------------------

alter table dispatch.queue add column campaign_id bigint;
drop index dispatch.queue_service_due_at_idx;
create index on dispatch.queue (service, due_at) where campaign_id is null;
create index on dispatch.queue (service, due_at) where campaign_id is not null;
create index on dispatch.queue (campaign_id) where campaign_id is not null;
comment on column dispatch.queue.campaign_id is 'The campaign it belongs to; it waits behind what belongs to none.';

create table dispatch.campaigns (
    campaign_id bigint primary key,
    state text not null,
    version bigint not null,
    pace text,
    started_position bigint
);
insert into dispatch.campaigns (campaign_id, state, version, pace)
    select campaign_id, 'new', version, pace::text from read.campaigns;
comment on table dispatch.campaigns is 'Campaigns, until they have ended and what they leave is swept.';
comment on column dispatch.campaigns.campaign_id is 'The campaign.';
comment on column dispatch.campaigns.state is 'new, running, stopped or ended.';
comment on column dispatch.campaigns.version is 'The sequence of its last event but for those that tell how far it is.';
comment on column dispatch.campaigns.pace is 'Transmissions per second, to twelve places.';
comment on column dispatch.campaigns.started_position is 'Where it was first started: who came into its group later is not reached. Null before.';

create table dispatch.backlog (
    transmission_id bigint primary key,
    campaign_id bigint not null,
    open_at timestamptz not null
);
create index on dispatch.backlog (campaign_id, open_at, transmission_id);
comment on table dispatch.backlog is 'Transmissions of campaigns that have not been sent yet, or were withdrawn.';
comment on column dispatch.backlog.transmission_id is 'The transmission.';
comment on column dispatch.backlog.campaign_id is 'Its campaign.';
comment on column dispatch.backlog.open_at is 'Not before this: when the recipient''s quiet hours end.';

create table dispatch.reached (
    campaign_id bigint not null,
    address bigint not null,
    contact_id bigint not null,
    primary key (campaign_id, address)
);
comment on table dispatch.reached is 'Whom a campaign reaches at which address, while it runs: the first contact that has it.';
comment on column dispatch.reached.campaign_id is 'The campaign.';
comment on column dispatch.reached.address is 'A keyed hash of the phone number or email address.';
comment on column dispatch.reached.contact_id is 'The contact.';
