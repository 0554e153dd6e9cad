-- Anybody may ask /readyz, which counts provisional rights: each count is one look at an index.
create index on read.users (sms_senders_until) where sms_senders_until is not null;
create index on read.accounts (created_position) where phone_until is not null or email_until is not null;
