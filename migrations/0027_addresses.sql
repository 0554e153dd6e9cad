-- By what right an account uses its number and its address; see docs/security.md.
alter table read.accounts
    add column phone_basis text,
    add column phone_receives boolean not null default false,
    add column phone_until timestamptz,
    add column email_basis text,
    add column email_receives boolean not null default false,
    add column email_until timestamptz,
    add column unverified boolean not null default false,
    add column conflict boolean not null default false;
comment on column read.accounts.phone_basis is 'verified, assigned or provisional: by what right the number is used; null: by none.';
comment on column read.accounts.phone_receives is 'Whether what comes to the number comes to this account.';
comment on column read.accounts.phone_until is 'When a provisional right to the number ends.';
comment on column read.accounts.email_basis is 'verified, assigned or provisional: by what right the email address is used; null: by none.';
comment on column read.accounts.email_receives is 'Whether mail to the address comes to this account.';
comment on column read.accounts.email_until is 'When a provisional right to the email address ends.';
comment on column read.accounts.unverified is 'Whether it has a number or an address that is neither verified nor assigned.';
comment on column read.accounts.conflict is 'Whether another account receives at a number or an address that this one may use.';
-- Rights are given once the program has the keys; what is left without one stays listed.
update read.accounts set unverified = true where phone is not null or email is not null;
create index on read.accounts (unverified, created_position);
create index on read.accounts (conflict, created_position);

-- Operational: what limits the sending of codes. No codes are stored.
create schema identity;
comment on schema identity is 'Who may use which address: counts of codes that were sent, and one-time upgrades.';
create table identity.codes_sent (
    destination text not null,
    user_id bigint not null,
    sent_at timestamptz not null
);
create index on identity.codes_sent (destination, sent_at);
create index on identity.codes_sent (user_id, sent_at);
create index on identity.codes_sent (sent_at);
comment on table identity.codes_sent is 'Verification codes sent within the last day.';
comment on column identity.codes_sent.destination is 'The keyed fingerprint of where it went.';
comment on column identity.codes_sent.user_id is 'Who had it sent.';
comment on column identity.codes_sent.sent_at is 'When.';
create table identity.upgrades (
    name text primary key,
    done_at timestamptz not null,
    accounts bigint not null
);
comment on table identity.upgrades is 'Changes to old data that need keys and were made once, at a start.';
comment on column identity.upgrades.name is 'addresses: what accounts used before addresses were verified.';
comment on column identity.upgrades.done_at is 'When it was finished.';
comment on column identity.upgrades.accounts is 'How many accounts were given a right to what they used.';
