-- What came in.

create table read.messages (
    transmission_id bigint primary key,
    source text,
    destination text not null,
    sender text,
    subject text,
    text text,
    html text,
    attachments jsonb not null,
    original text,
    media_key text,
    created_at timestamptz not null
);
comment on table read.messages is 'Messages that were received. Gone once the contact is erased.';
comment on column read.messages.transmission_id is 'The transmission it came by.';
comment on column read.messages.source is 'The number or the address that it came from.';
comment on column read.messages.destination is 'The number or the address that it came to.';
comment on column read.messages.sender is 'The name of whom it came from.';
comment on column read.messages.subject is 'Its subject.';
comment on column read.messages.text is 'Its text; bytes in hex if it is binary.';
comment on column read.messages.html is 'The same as HTML, as it came.';
comment on column read.messages.attachments is 'The files that came with it: name, media_type, size and media, the hash of its bytes.';
comment on column read.messages.original is 'The hash of the whole of it, as it came.';
comment on column read.messages.media_key is 'What the bytes of the attachments and of the original are sealed with.';
comment on column read.messages.created_at is 'When it was received.';

-- Parts of long messages that wait for the others, sealed.
create table dispatch.parts (
    message text not null,
    number smallint not null,
    count smallint not null,
    provider_id bigint not null,
    sealed text not null,
    received_at timestamptz not null default now(),
    primary key (message, number)
);
create index on dispatch.parts (received_at);
comment on table dispatch.parts is 'Parts of long messages that came in and wait for the others.';
comment on column dispatch.parts.message is 'A fingerprint of what they have in common: provider, sender, recipient, reference.';
comment on column dispatch.parts.number is 'Which part it is, from 1.';
comment on column dispatch.parts.count is 'How many there are.';
comment on column dispatch.parts.provider_id is 'Who brought it.';
comment on column dispatch.parts.sealed is 'What it says, sealed with the master key.';
comment on column dispatch.parts.received_at is 'When it came.';
