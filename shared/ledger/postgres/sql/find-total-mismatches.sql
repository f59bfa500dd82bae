-- $1 date, $2 rows: totals of this day that are not what the counted rows say (U12), both sides as text; a side that is
-- missing is a sum of nothing. Left out are partitions where the day is closed and its rows are gone.
with counted as (
  select partition, organization_id, metric_name, quarter, dimension_set, sum(quantity) as total, count(*) as count,
    min(quantity) as minimum, max(quantity) as maximum, max(logged) as last
  from events_by_set
  where event_day = $1
  group by 1, 2, 3, 4, 5
),
of_rows as (
  select c.*, last[5] as latest, last[1] as latest_at from counted c
),
billed as (
  select partition, organization_id, metric_name, quarter, dimension_set, total, event_count as count, minimum, maximum,
    latest, extract(epoch from latest_at) as latest_at
  from usage_rollups
  where quarter >= $1::date::timestamp at time zone 'UTC' and quarter < ($1::date + 1)::timestamp at time zone 'UTC'
),
compared as (
  select partition, organization_id, metric_name, quarter, dimension_set,
    c.total as rows_total, c.count as rows_count, c.minimum as rows_minimum, c.maximum as rows_maximum,
    c.latest as rows_latest, c.latest_at as rows_latest_at,
    b.total as rollup_total, b.count as rollup_count, b.minimum as rollup_minimum, b.maximum as rollup_maximum,
    b.latest as rollup_latest, b.latest_at as rollup_latest_at
  from of_rows c
  full join billed b using (partition, organization_id, metric_name, quarter, dimension_set)
)
select c.partition, c.organization_id as organization, c.metric_name as metric,
  (extract(epoch from c.quarter) * 1000)::int8 as quarter_ms,
  case c.dimension_set
    when dimension_set_of('') then ''
    when dimension_set_of('other') then 'other'
    else coalesce(s.dimensions, c.dimension_set::text)
  end as dimensions,
  coalesce(trim_scale(rows_total), 0)::text as rows_total, coalesce(rows_count, 0) as rows_count,
  trim_scale(rows_minimum)::text as rows_minimum, trim_scale(rows_maximum)::text as rows_maximum,
  trim_scale(rows_latest)::text as rows_latest,
  coalesce(trim_scale(rollup_total), 0)::text as rollup_total, coalesce(rollup_count, 0) as rollup_count,
  trim_scale(rollup_minimum)::text as rollup_minimum, trim_scale(rollup_maximum)::text as rollup_maximum,
  trim_scale(rollup_latest)::text as rollup_latest
from compared c
left join usage_dimension_sets s on s.partition = c.partition and s.organization_id = c.organization_id
  and s.metric_name = c.metric_name and s.event_day = $1 and s.dimension_set = c.dimension_set
where (rows_total, rows_count, rows_minimum, rows_maximum, rows_latest, rows_latest_at)
    is distinct from (rollup_total, rollup_count, rollup_minimum, rollup_maximum, rollup_latest, rollup_latest_at)
  and c.partition <> all (array(select partition from gone_days where day = $1))
order by c.partition, c.organization_id, c.metric_name, c.quarter, c.dimension_set
limit $2
