-- Documents.

create sequence ids_document increment 64 minvalue 1 start 1;

create table read.documents (
    document_id bigint primary key,
    user_id bigint not null,
    name text,
    description text,
    type text not null,
    file_name text,
    quality text not null,
    pages integer,
    size bigint,
    media text,
    fax_media text,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
);
create index on read.documents (created_position);
create index on read.documents (user_id, created_position);
create index on read.documents (type, created_position);
create index on read.documents (quality, created_position);
create index on read.documents (lower(coalesce(name, '')), created_position);
create index on read.documents (lower(coalesce(file_name, '')), created_position);
create index on read.documents (coalesce(pages, 0), created_position);
create index on read.documents (coalesce(size, 0), created_position);
create index on read.documents using gin (name gin_trgm_ops, description gin_trgm_ops, file_name gin_trgm_ops);
comment on table read.documents is 'What is faxed.';
comment on column read.documents.document_id is 'The document.';
comment on column read.documents.user_id is 'The user it belongs to.';
comment on column read.documents.name is 'Its name.';
comment on column read.documents.description is 'A note.';
comment on column read.documents.type is 'The kind of file that was uploaded last: pdf, tif, png, jpg, docx and so on; pdf before any.';
comment on column read.documents.file_name is 'The name of that file; null: it had none, or there is none yet.';
comment on column read.documents.quality is 'How finely it is drawn: basic 100x98, standard 204x98, fine 204x196, super 204x391, superior 300x300, ultra 408x391.';
comment on column read.documents.pages is 'How many pages it has; null: nothing was uploaded yet.';
comment on column read.documents.size is 'The size of the PDF in bytes.';
comment on column read.documents.media is 'The PDF: the SHA-256 of its bytes.';
comment on column read.documents.fax_media is 'The same pages as a fax machine takes them: the SHA-256 of a TIFF (G4).';
comment on column read.documents.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.documents.created_at is 'When it was created.';
comment on column read.documents.updated_at is 'When it last changed.';
comment on column read.documents.version is 'The sequence of its last event.';
