-- Parts that were taken in are kept for an hour: one that is brought again is known, and one
-- that says something else belongs to another message, perhaps with some that were.

alter table dispatch.parts add column content text not null default '';
alter table dispatch.parts add column taken boolean not null default false;
alter table dispatch.parts add column again boolean not null default false;
comment on column dispatch.parts.content is 'A fingerprint of what it says.';
comment on column dispatch.parts.taken is 'Whether it is on record.';
comment on column dispatch.parts.again is 'Whether it was brought again since then.';
