-- $1 partition, $2 generation, then arrays: offsets, indexes, codes, bytes as base64.
insert into quarantine (partition, generation, "offset", index, code, bytes)
select $1, $2, "offset", index, code, decode(bytes, 'base64')
from unnest($3::int8[], $4::int[], $5::text[], $6::text[]) u ("offset", index, code, bytes)
