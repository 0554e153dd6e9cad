-- Parts that were taken in are remembered for a while, without what they said: one that is
-- brought again is known, and one that says something else belongs to another message.

alter table dispatch.parts add column content text not null default '';
alter table dispatch.parts add column taken boolean not null default false;
comment on column dispatch.parts.content is 'A fingerprint of what it says.';
comment on column dispatch.parts.taken is 'Whether it is on record; then what it said is not kept here.';
