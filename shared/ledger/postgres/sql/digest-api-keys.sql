-- One text for the keys of this shard: whatever a change may change of each.
select encode(sha256(convert_to(coalesce(string_agg(
  concat_ws(' ', id, version, extract(epoch from expires_at), '/', extract(epoch from revoked_at)),
  ',' order by id collate "C"), ''), 'UTF8')), 'hex') as digest
from api_keys
