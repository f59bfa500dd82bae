-- $1 date, $2 rows: totals of this day that are not the sum of the counted rows (U12), both sides as text. A day that
-- is closed in a partition is left out: its rows may be gone.
with counted as (
  select partition::int as partition, organization_id, metric_name,
    to_timestamp(floor(extract(epoch from event_time) / 900) * 900) as quarter, sum(quantity) as total, count(*) as count
  from usage_events
  where event_day = $1
  group by 1, 2, 3, 4
),
billed as (
  select partition, organization_id, metric_name, quarter, total, event_count as count
  from usage_rollups
  where quarter >= $1::date::timestamp at time zone 'UTC' and quarter < ($1::date + 1)::timestamp at time zone 'UTC'
)
select partition, organization_id as organization, metric_name as metric,
  (extract(epoch from quarter) * 1000)::int8 as quarter_ms,
  coalesce(trim_scale(c.total), 0)::text as rows_total, coalesce(c.count, 0) as rows_count,
  coalesce(trim_scale(b.total), 0)::text as rollup_total, coalesce(b.count, 0) as rollup_count
from counted c
full join billed b using (partition, organization_id, metric_name, quarter)
where (c.total, c.count) is distinct from (b.total, b.count)
  and not exists (select from closed_days d where d.partition = coalesce(c.partition, b.partition) and d.day = $1)
order by partition, organization_id, metric_name, quarter
limit $2
