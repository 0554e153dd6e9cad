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
