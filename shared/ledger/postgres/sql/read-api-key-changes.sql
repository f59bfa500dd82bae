-- $1 the place that was read to, $2 how many keys, $3 for how many milliseconds a comparison is good. One row at least, and
-- without a key where nothing changed, or where the shard answers for no key: it was started after it was last compared
-- with others, or that was long ago, or its clock was set back since. A place above all places is of another life of the
-- shard, from which it was restored: it is read from the beginning.
with state as (
  select changes, case when $1 > changes then 0 else $1 end as place,
    compared_at > pg_postmaster_start_time()
      and compared_at between clock_timestamp() - $3 * interval '1 millisecond' and clock_timestamp() as answers
  from api_key_state
)
select coalesce(state.answers, false) as answers, state.changes, k.change, k.id, k.hash, k.owner, k.scopes,
  k.organizations, k.keys_required, k.created_by, k.version,
  floor(extract(epoch from k.created_at) * 1000)::int8 as created_at_ms,
  floor(extract(epoch from k.expires_at) * 1000)::int8 as expires_at_ms,
  floor(extract(epoch from k.revoked_at) * 1000)::int8 as revoked_at_ms
from state
left join lateral (
  select * from api_keys
  where state.answers and change > state.place
    -- Who begins needs nothing of what ended long ago. What ended in the last hour may be live on a shard that lacks the
    -- end: such a shard was compared since, or answers for no key.
    and (state.place > 0 or coalesce(least(revoked_at, expires_at) > clock_timestamp() - interval '1 hour', true))
  order by change
  limit $2
) k on true
order by k.change
