-- The senders that short messages of a user's accounts may name; see docs/security.md.
alter table read.users
    add column sms_senders text[] not null default '{}',
    add column sms_senders_provisional text[] not null default '{}',
    add column sms_senders_until timestamptz;
comment on column read.users.sms_senders is 'Names and numbers that short messages of the user''s accounts may come from, as an account administrator listed them.';
comment on column read.users.sms_senders_provisional is 'Names and numbers that were in use before there was a list.';
comment on column read.users.sms_senders_until is 'When the right to the provisional ones ends.';
comment on column identity.upgrades.name is 'addresses: what accounts used before addresses were verified; sms_senders: the senders of short messages that they named.';
