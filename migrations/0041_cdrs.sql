-- Call detail records: a row for each call, written when it ends. It changes only when an outcome
-- becomes known later, and when the contact is erased.

create table read.cdrs (
    cdr_id bigint primary key,
    transmission_id bigint not null,
    user_id bigint,
    tenant_id bigint not null,
    contact_id bigint,
    started_at timestamptz not null,
    answered_at timestamptz,
    ended_at timestamptz not null,
    clid text,
    realsrc text,
    src text,
    dst text,
    firstdst text,
    lastdst text,
    wherelanded text,
    duration integer not null,
    billsec integer not null,
    disposition text not null,
    cc_cost integer not null,
    userfield text,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.cdrs (created_position);
create index on read.cdrs (tenant_id, created_position);
create index on read.cdrs (user_id, created_position);
-- A day of a tenant, in the order of the calls.
create index on read.cdrs (tenant_id, started_at, created_position);
create index on read.cdrs (started_at, created_position);
create index on read.cdrs (transmission_id, created_position);
create index on read.cdrs (reverse(src) text_pattern_ops);
create index on read.cdrs (reverse(dst) text_pattern_ops);
create index on read.cdrs (reverse(firstdst) text_pattern_ops);
create index on read.cdrs (disposition, created_position);
create index on read.cdrs (cc_cost, created_position);
create index on read.cdrs (contact_id);
comment on table read.cdrs is 'The call detail records: outbound calls and whatever calls in, those of the sandbox included, once they have ended. They stay when the transmission is deleted.';
comment on column read.cdrs.cdr_id is 'The attempt that the call was: the uniqueid.';
comment on column read.cdrs.transmission_id is 'The transmission: the linkedid.';
comment on column read.cdrs.user_id is 'The owner; null for calls from before the log named it at each attempt.';
comment on column read.cdrs.tenant_id is 'The tenant, whose code is the accountcode; the first one for calls from before there were tenants.';
comment on column read.cdrs.contact_id is 'The contact that was called or called in.';
comment on column read.cdrs.started_at is 'The time of dialling, or of the arrival of a call that came in; the end if it was never dialled.';
comment on column read.cdrs.answered_at is 'The time of the answer; null if nobody answered, or if that became known only later.';
comment on column read.cdrs.ended_at is 'The time of the end; of a call whose end is unknown, the time at which that was noticed.';
comment on column read.cdrs.clid is 'The name and number that the caller showed; null for outbound calls, and once the contact is erased.';
comment on column read.cdrs.realsrc is 'The number that called; null for outbound calls, and once the contact is erased.';
comment on column read.cdrs.src is 'The number that called; null for outbound calls, and once the contact is erased.';
comment on column read.cdrs.dst is 'The number that was called; null once the contact is erased.';
comment on column read.cdrs.firstdst is 'The first number that was called: the same as dst, since no call is forwarded yet; null once the contact is erased.';
comment on column read.cdrs.lastdst is 'The last number that was called: the same as dst, since no call is forwarded yet; null once the contact is erased.';
comment on column read.cdrs.wherelanded is 'The place in the PBX at which the call ended; always null, since calls are not routed through a PBX yet.';
comment on column read.cdrs.duration is 'The seconds from start to end, each that began.';
comment on column read.cdrs.billsec is 'The seconds from answer to end, each that began; 0 without an answer.';
comment on column read.cdrs.disposition is 'ANSWERED, NO ANSWER, BUSY or FAILED; BUSY becomes NO ANSWER once the contact is erased, since it is told from the words of the remote side.';
comment on column read.cdrs.cc_cost is 'The billed amount: seconds.';
comment on column read.cdrs.userfield is 'A note on the call; always null, since nothing sets one yet.';
comment on column read.cdrs.created_position is 'The position of the event that ended the call: the order of the ends.';
comment on column read.cdrs.created_at is 'The time at which the end was recorded.';
comment on column read.cdrs.updated_at is 'The time of the last change.';
comment on column read.cdrs.version is 'The sequence of the last event.';

create table read.open_calls (
    call_id bigint primary key,
    transmission_id bigint not null,
    user_id bigint,
    tenant_id bigint not null,
    contact_id bigint,
    clid text,
    src text,
    dst text,
    started_at timestamptz,
    connected_at timestamptz,
    hung_up boolean not null
);
create index on read.open_calls (contact_id);
comment on table read.open_calls is 'The calls that have not ended, waiting ones included, as far as their records will show them.';
comment on column read.open_calls.call_id is 'The attempt that the call is.';
comment on column read.open_calls.transmission_id is 'The transmission.';
comment on column read.open_calls.user_id is 'The owner.';
comment on column read.open_calls.tenant_id is 'The tenant.';
comment on column read.open_calls.contact_id is 'The contact that is called or calls in.';
comment on column read.open_calls.clid is 'The name and number that the caller shows.';
comment on column read.open_calls.src is 'The number that calls.';
comment on column read.open_calls.dst is 'The number that is called.';
comment on column read.open_calls.started_at is 'The time of dialling or arrival; null while it waits.';
comment on column read.open_calls.connected_at is 'The time at which the remote side was reached; null before.';
comment on column read.open_calls.hung_up is 'True if its end was asked for here.';

create table read.cdr_erased_contacts (contact_id bigint primary key);
comment on table read.cdr_erased_contacts is 'The erased contacts, of whom call records hold nothing.';
comment on column read.cdr_erased_contacts.contact_id is 'The contact.';

select read.make_listable('cdrs', 'by owner');
