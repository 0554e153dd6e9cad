-- Groups: contacts that are reached together.

create sequence ids_group increment 64 minvalue 1 start 1;

create table read.groups (
    group_id bigint primary key,
    user_id bigint not null,
    name text not null,
    description text,
    contact_total bigint not null,
    created_position bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    version bigint not null
) with (fillfactor = 70);
create index on read.groups (created_position);
create index on read.groups (user_id, created_position);
create index on read.groups (contact_total, created_position);
create index on read.groups (lower(name), created_position);
create index on read.groups using gin (name gin_trgm_ops, description gin_trgm_ops);
comment on table read.groups is 'Contacts that are reached together.';
comment on column read.groups.group_id is 'The group.';
comment on column read.groups.user_id is 'The user it belongs to.';
comment on column read.groups.name is 'Its name.';
comment on column read.groups.description is 'A note.';
comment on column read.groups.contact_total is 'How many contacts are in it.';
comment on column read.groups.created_position is 'The position of the event that created it: the order of creation.';
comment on column read.groups.created_at is 'When it was created.';
comment on column read.groups.updated_at is 'When it itself last changed; contacts that come and go do not count.';
comment on column read.groups.version is 'The sequence of its last event.';

create table read.contact_groups (
    group_id bigint not null,
    contact_id bigint not null,
    linked_at timestamptz not null,
    primary key (group_id, contact_id)
);
create index on read.contact_groups (contact_id);
comment on table read.contact_groups is 'Which contacts are in which groups.';
comment on column read.contact_groups.group_id is 'The group.';
comment on column read.contact_groups.contact_id is 'The contact.';
comment on column read.contact_groups.linked_at is 'Since when.';
