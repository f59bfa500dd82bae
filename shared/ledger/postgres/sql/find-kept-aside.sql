-- $1 partition, then arrays of places: generations, offsets, indexes. Conflicts, and what is in quarantine: the event, or
-- the whole record (no bytes then).
select asked.n::int as n, c.organization_id, c.key_hash, c.first_day - date '1970-01-01' as first_day, null as code,
  null::bytea as bytes
from unnest($2::int[], $3::int8[], $4::int[]) with ordinality asked (generation, "offset", index, n)
join usage_conflicts c on c.partition = $1 and c.generation = asked.generation and c."offset" = asked."offset"
  and c.index = asked.index
union all
select asked.n::int, null, null, null, q.code, case when q.index >= 0 then q.bytes end
from unnest($2::int[], $3::int8[], $4::int[]) with ordinality asked (generation, "offset", index, n)
join quarantine q on q.partition = $1 and q.generation = asked.generation and q."offset" = asked."offset"
  and q.index in (asked.index, -1)
