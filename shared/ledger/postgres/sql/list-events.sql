-- $1 organization, $2 int8[] quarter hours (seconds since 1970) and $3 date[] their days, $4 metric or null, $5 int8, $6 int8,
-- $7 int: the place behind which the page begins (event time in milliseconds, offset, index) or null, $8 rows. Newest first.
with page as (
  select e.*
  from unnest($2::int8[], $3::date[]) of_quarter (second, day)
  cross join lateral (
    select *
    from usage_events e
    where e.event_day = of_quarter.day
      and e.event_day = any ($3::date[])
      and e.organization_id = $1
      and e.event_time >= to_timestamp(of_quarter.second)
      and e.event_time < to_timestamp(of_quarter.second + 900)
      and ($4::text is null or e.metric_name = $4)
      and ($5::int8 is null or (e.event_time, e."offset", e.index)
        < (timestamptz 'epoch' + $5::int8 * interval '1 millisecond', $6::int8, $7::int))
    order by e.event_time desc, e."offset" desc, e.index desc
    limit $8
  ) e
  order by event_time desc, "offset" desc, index desc
  limit $8
)
select key_hash, event_day - date '1970-01-01' as day, organization_id, metric_name, idempotency_key, dimensions,
  trim_scale(quantity)::text as quantity, fingerprint, partition, "offset", index, undated, properties is not null as sealed,
  floor(extract(epoch from event_time) * 1000)::int8 as event_time_ms,
  floor(extract(epoch from created_at) * 1000)::int8 as created_at_ms,
  floor(extract(epoch from processed_at) * 1000)::int8 as processed_at_ms,
  commit_of(partition, "offset", processed_at) as commit
from page
order by event_time desc, "offset" desc, index desc
