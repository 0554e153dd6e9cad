-- Media: the bytes of what is attached, beside the log and named by what they are.

create table media_uploads (
    upload_id uuid primary key,
    started_at timestamptz not null default now()
);
comment on table media_uploads is 'Uploads under way, and those that were broken off and wait to be swept.';
comment on column media_uploads.upload_id is 'The upload.';
comment on column media_uploads.started_at is 'When it began.';

create table media_chunks (
    upload_id uuid not null,
    number integer not null check (number >= 0),
    bytes bytea not null,
    primary key (upload_id, number)
);
-- Attachments are compressed already, mostly; trying again would only cost time.
alter table media_chunks alter column bytes set storage external;
comment on table media_chunks is 'The bytes of media, in pieces.';
comment on column media_chunks.upload_id is 'The upload that brought them.';
comment on column media_chunks.number is 'Place within the medium, from 0.';
comment on column media_chunks.bytes is 'The piece.';

create table media (
    hash text primary key check (hash ~ '^[0-9a-f]{64}$'),
    upload_id uuid not null unique,
    size bigint not null check (size >= 0),
    created_at timestamptz not null default now()
);
comment on table media is 'Media that are complete, each once however often it was uploaded.';
comment on column media.hash is 'SHA-256 of its bytes: its name.';
comment on column media.upload_id is 'Where its pieces are.';
comment on column media.size is 'In bytes.';
comment on column media.created_at is 'When it was first complete.';
