-- $1 date: commits whose rows of this day do not add up to the sums that their ledger row says were added (U12;
-- shared/ledger/digests.ts). Left out are partitions where the day is closed and its rows are gone.
with added as (
  select partition, sequence, organization_id, metric_name, quarter, dimension_set, trim_scale(sum(quantity)) as total,
    count(*) as count, trim_scale(min(quantity)) as minimum, trim_scale(max(quantity)) as maximum, max(logged) as latest
  from events_by_set e
  where event_day = $1 and sequence is not null
    and e.partition <> all (array(select partition from gone_days where day = $1))
  group by 1, 2, 3, 4, 5, 6
),
found as (
  select partition, sequence, encode(sha256(convert_to(string_agg(
      organization_id || E'\n' || metric_name || E'\n' || extract(epoch from quarter)::int8 / 900 || E'\n'
        || encode(uuid_send(dimension_set), 'hex') || E'\n' || total || E'\n' || count || E'\n' || minimum || E'\n'
        || maximum || E'\n' || trim_scale(latest[5]) || E'\n'
        || (latest[1] * 1000)::int8 || E'\n',
      '' order by organization_id, metric_name, quarter, dimension_set), 'UTF8')), 'hex') as sums
  from added
  group by 1, 2
)
select partition, sequence, l.from_offset
from found
join commits_of_day($1) l using (partition, sequence)
where l.sums is distinct from found.sums
order by 1, 2
