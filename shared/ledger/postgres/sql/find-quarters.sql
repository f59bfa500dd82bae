-- $1 partition, $2 organization, $3 first and $4 last day (UTC), $5 metric or null, $6 the last moment (milliseconds since
-- 1970) or null, $7 rows: quarter hours that hold counted events, newest first, as seconds since 1970. Of a closed day
-- only totals are left.
select extract(epoch from quarter)::int8 as second, sum(event_count)::int8 as count
from usage_rollups
where partition = $1
  and organization_id = $2
  and quarter >= greatest($3::date, coalesce((select closed_before from shard_identity), '-infinity'))::timestamp
    at time zone 'UTC'
  and quarter < ($4::date + 1)::timestamp at time zone 'UTC'
  and ($5::text is null or metric_name = $5)
  and ($6::int8 is null or quarter <= timestamptz 'epoch' + $6::int8 * interval '1 millisecond')
group by quarter
order by quarter desc
limit $7
