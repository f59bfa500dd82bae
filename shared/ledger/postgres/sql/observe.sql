-- $1 int[] partitions, $2 int8[] log ends, $3 float8[] observed at, $4 float8[] complete through or null (both
-- milliseconds since 1970). Rows are locked in partition order, so that two observers cannot deadlock; what a
-- paused observer saw earlier changes nothing; complete_through never goes back.
with seen as (
  select p.partition, o.log_end, to_timestamp(o.observed_ms / 1000) as observed_at,
    to_timestamp(o.complete_ms / 1000) as complete_through
  from partition_progress p
  join unnest($1::int[], $2::int8[], $3::float8[], $4::float8[]) o (partition, log_end, observed_ms, complete_ms)
    on o.partition = p.partition
  order by p.partition
  for no key update of p
)
update partition_progress p
set log_end = seen.log_end,
  observed_at = seen.observed_at,
  complete_through = greatest(p.complete_through, seen.complete_through)
from seen
where p.partition = seen.partition and seen.observed_at >= coalesce(p.observed_at, '-infinity')
