-- $1 an id, or null for every key that was ever made.
select id, hash, owner, scopes, organizations, keys_required, created_by, version,
  floor(extract(epoch from created_at) * 1000)::int8 as created_at_ms,
  floor(extract(epoch from expires_at) * 1000)::int8 as expires_at_ms,
  floor(extract(epoch from revoked_at) * 1000)::int8 as revoked_at_ms
from api_keys
where $1::text is null or id = $1
order by id
