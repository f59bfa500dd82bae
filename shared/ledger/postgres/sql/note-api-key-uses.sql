-- $1 text[] ids, $2 float8[] when each was last used, in milliseconds since 1970. An earlier use changes nothing.
insert into api_key_uses as u (id, used_at)
select k.id, to_timestamp(g.used_ms / 1000)
from unnest($1::text[], $2::float8[]) g (id, used_ms)
join api_keys k on k.id = g.id
order by k.id
on conflict (id) do update set used_at = excluded.used_at where excluded.used_at > u.used_at
