-- $1 partition, then arrays sorted by the primary key: organizations, metrics, quarter hours since 1970,
-- totals, counts.
insert into usage_rollups as r (partition, organization_id, metric_name, quarter, total, event_count)
select $1, organization, metric, to_timestamp(quarter * 900), total, count
from unnest($2::text[], $3::text[], $4::int8[], $5::numeric[], $6::int8[])
  u (organization, metric, quarter, total, count)
on conflict (partition, organization_id, metric_name, quarter)
do update set total = r.total + excluded.total, event_count = r.event_count + excluded.event_count
