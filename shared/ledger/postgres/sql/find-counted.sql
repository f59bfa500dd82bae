-- $1 date, $2 uuid[]: which of these keys are counted on this day. The constant day prunes to one leaf.
select key_hash, fingerprint, "offset", index, undated, (extract(epoch from event_time) * 1000)::int8 as event_time_ms
from usage_events
where event_day = $1 and key_hash = any ($2::uuid[])
