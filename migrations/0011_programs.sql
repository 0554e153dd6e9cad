-- What programs of the further types need.
alter table read.programs
    add column document_id bigint,
    add column recording_id bigint,
    add column text_id bigint,
    add column text text,
    add column delay integer,
    add column language text;
comment on column read.programs.document_id is 'The document that it faxes.';
comment on column read.programs.recording_id is 'The recording that it plays.';
comment on column read.programs.text_id is 'The text that it sends.';
comment on column read.programs.text is 'The text that it reads out, which is its own.';
comment on column read.programs.delay is 'The silence between its two readings, in seconds.';
comment on column read.programs.language is 'The language in which it reads.';
