-- Reports that name a message only as the message centre does.

alter table dispatch.awaited add column provider_id bigint;
alter table dispatch.awaited add column message_id text;
create index awaited_message on dispatch.awaited (provider_id, message_id)
    where message_id is not null;
comment on column dispatch.awaited.provider_id is 'Whose report it is.';
comment on column dispatch.awaited.message_id is 'What the provider calls the message, where its report says nothing else.';
