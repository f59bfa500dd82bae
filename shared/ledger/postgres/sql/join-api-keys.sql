-- $1 json list of keys, times in milliseconds since 1970. Locks the one row of the state first, so that places are seen in
-- their order. A key that is here already only gains what ends it earlier, and has a new place if that changed it.
with given as (
  select row_number() over () as position, count(*) over () as number, k.*
  from jsonb_to_recordset($1::jsonb) k (id text, hash text, owner text, scopes text[], organizations text[],
    keys_required boolean, created_by text, created_at_ms int8, expires_at_ms int8, revoked_at_ms int8, version int)
),
state as (
  update api_key_state set changes = changes + (select count(*) from given) returning changes
)
insert into api_keys as k (id, hash, owner, scopes, organizations, keys_required, created_by, created_at, expires_at,
  revoked_at, version, change)
select id, decode(hash, 'hex'), owner, scopes, organizations, keys_required, created_by,
  to_timestamp(created_at_ms / 1000.0), to_timestamp(expires_at_ms / 1000.0), to_timestamp(revoked_at_ms / 1000.0),
  version, state.changes - number + position
from given, state
on conflict (id) do update
set expires_at = least(k.expires_at, excluded.expires_at),
  revoked_at = least(k.revoked_at, excluded.revoked_at),
  version = greatest(k.version, excluded.version),
  change = excluded.change
where (k.expires_at, k.revoked_at, k.version) is distinct from (least(k.expires_at, excluded.expires_at),
  least(k.revoked_at, excluded.revoked_at), greatest(k.version, excluded.version))
