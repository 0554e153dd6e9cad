-- Requests that came with an Idempotency-Key: carried out once, answered as often as they come.
-- Not part of the log and never rebuilt: a row is gone a day after it was made. Analysts have no
-- business here, and schema once is not theirs to use.
create schema once;
comment on schema once is 'Requests with an Idempotency-Key of the last 24 hours. Only Ledgerline looks here.';

create table once.requests (
    user_id bigint not null,
    key text not null check (length(key) between 1 and 255),
    token uuid not null unique,
    claimed_at timestamptz not null default now(),
    lease_until timestamptz not null,
    expires_at timestamptz not null,
    primary key (user_id, key)
);
create index on once.requests (expires_at);
comment on table once.requests is 'Each key that a user has given, and who is carrying its request out.';
comment on column once.requests.user_id is 'Who gave the key.';
comment on column once.requests.key is 'The key, as the client made it up.';
comment on column once.requests.token is 'The attempt that may carry it out; another attempt takes over with a token of its own.';
comment on column once.requests.claimed_at is 'When the key first came.';
comment on column once.requests.lease_until is 'Until then the attempt is believed to be alive; it prolongs this while it is.';
comment on column once.requests.expires_at is 'When the key is forgotten.';

-- The fence: what an attempt appends to the log, it marks here in the same transaction, and the
-- reference fails once another attempt has taken over. What has marks is never taken over.
create table once.marks (
    token uuid not null references once.requests (token) on delete cascade,
    fingerprint bytea,
    answer text
);
create index on once.marks (token);
comment on table once.marks is 'That an attempt has appended to the log, written by that append.';
comment on column once.marks.token is 'The attempt.';
comment on column once.marks.fingerprint is 'Of the request, as far as it had been read; see once.answers.';
comment on column once.marks.answer is 'How to answer it if the attempt does not get to: ids only. Null where only the attempt knows.';

create table once.answers (
    token uuid primary key references once.requests (token) on delete cascade,
    subject text references subject_keys (subject) on delete cascade,
    fingerprint bytea not null,
    sealed text not null
);
create index on once.answers (subject);
comment on table once.answers is 'What was answered. A row goes when the key of the person it shows is destroyed.';
comment on column once.answers.token is 'The attempt that carried it out.';
comment on column once.answers.subject is 'The person whose data is in the answer, if there is one.';
comment on column once.answers.fingerprint is 'Keyed hash of the request: method, path, query, headers and body.';
comment on column once.answers.sealed is 'Status, headers and body, sealed by the master key.';

comment on column access_keys.name is
    'What it is for: token signs the tokens of the API, fingerprint tells requests with an Idempotency-Key apart.';
