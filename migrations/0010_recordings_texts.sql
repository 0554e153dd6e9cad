-- Recordings and texts.

create sequence ids_recording increment 64 minvalue 1 start 1;
create sequence ids_text increment 64 minvalue 1 start 1;

create table read.recordings (
    recording_id bigint primary key,
    user_id bigint not null,
    name text,
    description text,
    type text not null,
    file_name text,
    media text,
    size bigint,
    length integer,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.recordings (created_position);
create index on read.recordings (user_id, created_position);
create index on read.recordings (type, created_position);
create index on read.recordings using gin (name gin_trgm_ops, description gin_trgm_ops);
comment on table read.recordings is 'What is played to people on the telephone.';
comment on column read.recordings.recording_id is 'The recording.';
comment on column read.recordings.user_id is 'The user it belongs to.';
comment on column read.recordings.name is 'Its name.';
comment on column read.recordings.description is 'A note.';
comment on column read.recordings.type is 'The kind of file it is kept and downloaded as: wav.';
comment on column read.recordings.file_name is 'The name of the file that was uploaded; null: it had none, or there is no sound yet.';
comment on column read.recordings.media is 'The sound: the SHA-256 of a WAV file of 16 bits, 8 kHz, mono; null: there is none yet.';
comment on column read.recordings.size is 'The size of that file in bytes.';
comment on column read.recordings.length is 'How long it plays, in seconds, rounded up.';
comment on column read.recordings.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.recordings.created_at is 'When it was created.';
comment on column read.recordings.updated_at is 'When it last changed.';
comment on column read.recordings.version is 'The sequence of its last event.';

create table read.texts (
    text_id bigint primary key,
    user_id bigint not null,
    name text,
    description text,
    data text,
    type text,
    encoding integer,
    class integer not null,
    length integer,
    parts integer,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.texts (created_position);
create index on read.texts (user_id, created_position);
create index on read.texts (type, created_position);
create index on read.texts using gin (name gin_trgm_ops, data gin_trgm_ops, description gin_trgm_ops);
comment on table read.texts is 'Texts that go out as short messages.';
comment on column read.texts.text_id is 'The text.';
comment on column read.texts.user_id is 'The user it belongs to.';
comment on column read.texts.name is 'Its name.';
comment on column read.texts.description is 'A note.';
comment on column read.texts.data is 'The message, with tokens; bytes in hex if it is binary.';
comment on column read.texts.type is 'What it is sent in as it stands: plain, binary or unicode.';
comment on column read.texts.encoding is 'The same as a number: 0 GSM, 1 binary, 2 unicode.';
comment on column read.texts.class is 'What the telephone does with it: 0 as it likes, 1 keep, 2 keep on the SIM, 4 hand to the SIM toolkit, 8 show and forget.';
comment on column read.texts.length is 'How long it is in what is counted: GSM letters, those of the extension table twice; UTF-16 units; bytes.';
comment on column read.texts.parts is 'How many short messages it takes as it stands, its tokens unfilled.';
comment on column read.texts.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.texts.created_at is 'When it was created.';
comment on column read.texts.updated_at is 'When it last changed.';
comment on column read.texts.version is 'The sequence of its last event.';
