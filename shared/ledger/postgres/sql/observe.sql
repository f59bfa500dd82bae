-- $1 int[] partitions, $2 int[] generations, $3 int8[] log ends or null, $4 float8[] observed at, $5 float8[] complete
-- through or null (both milliseconds since 1970). Rows are locked in partition order, so that two observers cannot
-- deadlock. What a paused observer saw earlier replaces no later look. `complete_through` never falls: what was complete
-- once stays so, whoever saw it, and so does a look whose end was committed since. A stored time that is still to come was
-- given by a clock that has been set back since: it is replaced, or it would hold for as long as the step was.
with seen as (
  select p.partition, o.log_end, to_timestamp(o.observed_ms / 1000) as observed_at,
    to_timestamp(o.complete_ms / 1000) as complete_through
  from partition_progress p
  join unnest($1::int[], $2::int[], $3::int8[], $4::float8[], $5::float8[])
    o (partition, generation, log_end, observed_ms, complete_ms)
    on o.partition = p.partition and o.generation = p.generation
  order by p.partition
  for no key update of p
)
update partition_progress p
set (log_end, observed_at) = (
    select
      case when newest then seen.log_end else p.log_end end,
      case when newest then seen.observed_at else p.observed_at end
    from (
      select seen.observed_at >= coalesce(p.observed_at, '-infinity') or p.observed_at > clock_timestamp() as newest
    ) order_of_looks
  ),
  complete_through = greatest(
    case when p.complete_through <= clock_timestamp() then p.complete_through end,
    case when p.next_offset >= p.log_end and p.observed_at <= clock_timestamp() then p.observed_at end,
    seen.complete_through
  )
from seen
where p.partition = seen.partition
