-- $1 uuid[] key hashes, $2 date[] days: the counted events of these keys on these days.
select key_hash, event_day - date '1970-01-01' as day, organization_id, metric_name, idempotency_key, dimensions,
  trim_scale(quantity)::text as quantity, fingerprint, partition, "offset", index, undated, properties is not null as sealed,
  floor(extract(epoch from event_time) * 1000)::int8 as event_time_ms,
  floor(extract(epoch from created_at) * 1000)::int8 as created_at_ms,
  floor(extract(epoch from processed_at) * 1000)::int8 as processed_at_ms,
  commit_of(partition, "offset", processed_at) as commit
from usage_events
where key_hash = any ($1::uuid[]) and event_day = any ($2::date[])
