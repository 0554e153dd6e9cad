-- What the deletion of a message or an account looks for: programs that name it, and
-- transmissions that have not ended.
create index on read.programs (template_id) where template_id is not null;
create index on read.programs (text_id) where text_id is not null;
create index on read.programs (document_id) where document_id is not null;
create index on read.programs (recording_id) where recording_id is not null;
create index on read.programs (account_id) where account_id is not null;
create index on read.transmissions (account_id) where status in ('pending', 'processing');
