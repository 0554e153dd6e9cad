-- What the sandbox provider has "delivered": the far side of a pretended wire, not
-- part of Ledgerline's own state. A row goes when the key of the person it was
-- sent to is destroyed.
create schema sandbox;
create table sandbox.outbox (
    outbox_id bigint generated always as identity primary key,
    provider_id bigint not null,
    spool_id bigint not null,
    transmission_id bigint not null,
    owner_id bigint not null,
    contact_id bigint not null,
    subject_key text not null references subject_keys (subject) on delete cascade,
    destination text not null,
    service text not null,
    subject text,
    content text,
    received_at timestamptz not null
);
create index outbox_owner on sandbox.outbox (owner_id, outbox_id);
create index outbox_subject on sandbox.outbox (subject_key);
comment on table sandbox.outbox is 'What the sandbox provider has delivered; the newest 10,000 are kept.';
