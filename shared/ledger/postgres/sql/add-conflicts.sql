-- $1 partition, $2 generation, then arrays in the order of the columns.
insert into usage_conflicts (partition, generation, "offset", index, organization_id, key_hash, event_day,
  fingerprint, first_day, first_offset, first_index, first_fingerprint)
select $1, $2, u.*
from unnest($3::int8[], $4::int[], $5::text[], $6::uuid[], $7::date[], $8::uuid[], $9::date[], $10::int8[],
  $11::int[], $12::uuid[]) u
