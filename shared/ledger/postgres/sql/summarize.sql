-- $1 partition, $2 organization, $3 first day, $4 last day (inclusive, UTC), $5 milliseconds that an observation says
-- something of the present, $6 the one metric that is asked for or null, $7 the metric after which the page begins or
-- null, $8 how many metrics it holds. Totals and freshness of one snapshot; decimals leave as text. `complete` compares offsets, so
-- no clock decides it. Something of the partition may be in flight and nothing of the organization: then nothing is said.
select
  floor(extract(epoch from p.observed_at) * 1000)::int8 as observed_at_ms,
  floor(extract(epoch from greatest(p.complete_through, case when l.committed then p.observed_at end)) * 1000)::int8
    as complete_through_ms,
  case
    when s.complete and abs(extract(epoch from clock_timestamp() - p.observed_at)) * 1000 <= $5 then false
  end as in_flight,
  -- What comes of a closed day later is not counted.
  s.complete or coalesce($4::date < (select closed_before from shard_identity), false) as complete,
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
          and ($6::text is null or metric_name = $6)
          and ($7::text is null or metric_name > $7)
        group by metric_name
        order by metric_name
        limit $8
      ) totals
    ),
    '[]'
  ) as metrics
from partition_progress p
cross join lateral (select coalesce(p.next_offset >= p.log_end, false) as committed) l
cross join lateral (select l.committed and not p.halted as complete) s
where p.partition = $1
