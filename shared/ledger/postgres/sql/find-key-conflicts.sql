-- $1 organization, $2 key hash, $3 first and $4 last day, or null, $5 rows: the conflicts of this key, newest first.
select partition, generation, "offset", index, event_day - date '1970-01-01' as day, first_day - date '1970-01-01' as first_day,
  (extract(epoch from found_at) * 1000000)::int8 as at_us
from usage_conflicts
where organization_id = $1 and key_hash = $2
  and event_day >= coalesce($3::date, '-infinity') and event_day <= coalesce($4::date, 'infinity')
order by found_at desc, "offset" desc, index desc
limit $5
