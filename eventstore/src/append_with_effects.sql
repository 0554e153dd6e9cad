with claimed as (
    insert into claims (scope, value, holder)
    select * from unnest($10::text[], $11::text[], $12::text[])
), released as (
    delete from claims c
     using unnest($13::text[], $14::text[], $18::text[]) as r (scope, value, holder)
     where c.scope = r.scope and c.value = r.value and c.holder = r.holder
), keyed as (
    insert into subject_keys (subject, sealed)
    select * from unnest($15::text[], $16::bytea[])
), erased as (
    delete from subject_keys where subject = any($17::text[])
), forgotten as (
    delete from snapshots s using unnest($17::text[]) as gone (subject)
     where s.aggregate_type = split_part(gone.subject, '/', 1)
       and s.aggregate_id = split_part(gone.subject, '/', 2)
)/* effects */
insert into events
    (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
     occurred_at, commit_id)
select e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
       e.payload::json, e.metadata::json, e.occurred_at, e.commit_id::uuid
  from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[],
              $7::text[], $8::timestamptz[], $9::text[])
       with ordinality
       as e (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
             occurred_at, commit_id, place)
 order by e.place
returning position
