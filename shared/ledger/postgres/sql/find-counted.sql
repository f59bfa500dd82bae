-- $1 date, $2 uuid[]: which of these keys are counted on this day. The constant day prunes to one leaf.
select key_hash, fingerprint, "offset", index
from usage_events
where event_day = $1 and key_hash = any ($2::uuid[])
