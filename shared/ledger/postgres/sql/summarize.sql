-- $1 partition, $2 organization, $3 first day, $4 last day (inclusive, UTC). Totals and freshness of one
-- snapshot; decimals leave as text.
select
  floor(extract(epoch from now()) * 1000)::int8 as as_of_ms,
  floor(extract(epoch from p.complete_through) * 1000)::int8 as complete_through_ms,
  case when p.log_end is not null then greatest(p.log_end - p.next_offset, 0) end as in_flight_records,
  coalesce(
    (
      select json_agg(json_build_array(metric_name, total_quantity, event_count) order by metric_name)
      from (
        select metric_name, trim_scale(sum(total))::text as total_quantity, sum(event_count)::text as event_count
        from usage_rollups
        where partition = $1
          and organization_id = $2
          and quarter >= $3::date::timestamp at time zone 'UTC'
          and quarter < ($4::date + 1)::timestamp at time zone 'UTC'
        group by metric_name
      ) totals
    ),
    '[]'
  ) as metrics
from partition_progress p
where p.partition = $1
