-- $1 partition, $2 int8[] and $3 date[]: times and days of the commits to look into, in pairs; then arrays of the places:
-- offsets, indexes, created_at (milliseconds since 1970). Whose event is counted from each place.
select asked.n::int as n, e.organization_id
from unnest($2::int8[], $3::date[]) committed (ms, day)
cross join lateral (
  select e."offset", e.index, e.created_at, e.organization_id
  from usage_events e
  where e.event_day = committed.day
    and e.event_day = any ($3::date[])
    and e.processed_at >= timestamptz 'epoch' + committed.ms * interval '1 millisecond'
    and e.processed_at < timestamptz 'epoch' + (committed.ms + 1) * interval '1 millisecond'
    and e.partition = $1
    and e."offset" = any ($4::int8[])
  -- Keeps the times of a commit inside, where the index takes them.
  offset 0
) e
join unnest($4::int8[], $5::int[], $6::int8[]) with ordinality asked ("offset", index, created_ms, n)
  on e."offset" = asked."offset" and e.index = asked.index
    and e.created_at = timestamptz 'epoch' + asked.created_ms * interval '1 millisecond'
