-- $1 rows
select partition, "offset", index, code, bytes, floor(extract(epoch from quarantined_at) * 1000)::int8 as quarantined_at_ms
from quarantine
order by quarantined_at desc, partition, "offset", index
limit $1
