-- $1 date: commits whose rows of this day do not add up to the sums that their ledger row says were added (U12;
-- shared/ledger/digests.ts). A day that is closed in a partition is left out: its rows may be gone.
with added as (
  select partition::int as partition, sequence, organization_id, metric_name,
    floor(extract(epoch from event_time) / 900)::int8 as quarter, trim_scale(sum(quantity)) as total, count(*) as count
  from events_by_commit e
  where event_day = $1 and sequence is not null
    and not exists (select from closed_days c where c.partition = e.partition and c.day = $1)
  group by 1, 2, 3, 4, 5
),
found as (
  select partition, sequence, encode(sha256(convert_to(string_agg(
      organization_id || E'\n' || metric_name || E'\n' || quarter || E'\n' || total || E'\n' || count || E'\n',
      '' order by organization_id, metric_name, quarter), 'UTF8')), 'hex') as sums
  from added
  group by 1, 2
)
select l.partition, l.sequence, l.from_offset
from found
join commit_ledger l using (partition, sequence)
cross join jsonb_to_recordset(l.days) d (day date, sums text)
where d.day = $1 and d.sums is distinct from found.sums
order by 1, 2
