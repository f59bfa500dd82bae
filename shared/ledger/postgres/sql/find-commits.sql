-- $1 partition, $2 int8[] offsets, $3 int8[] created_at of the events there (milliseconds since 1970), $4 milliseconds
-- that clocks may differ. Which commit took each offset: in the first generation whose commit of it is not older than the
-- event, because what is appended after a loss is younger than the commit of what was lost. Days are days since 1970.
select asked.n::int as n, p.generation as current_generation, c.generation, c.sequence, c.source, encode(c.hash, 'hex') as hash,
  floor(extract(epoch from c.committed_at) * 1000)::int8 as committed_at_ms,
  array(select (d ->> 'day')::date - date '1970-01-01' from jsonb_array_elements(c.days) d) as days,
  (select closed_before from shard_identity) - date '1970-01-01' as closed_before
from unnest($2::int8[], $3::int8[]) with ordinality asked ("offset", created_ms, n)
join partition_progress p on p.partition = $1
left join lateral (
  select l.*
  from generate_series(0, p.generation) of_generation
  cross join lateral (
    select generation, sequence, to_offset, source, hash, committed_at, days
    from commit_ledger
    where partition = $1 and generation = of_generation and from_offset <= asked."offset" and to_offset > from_offset
    order by from_offset desc
    limit 1
  ) l
  where l.to_offset > asked."offset"
    and l.committed_at >= timestamptz 'epoch' + (asked.created_ms - $4::int8) * interval '1 millisecond'
  order by l.committed_at
  limit 1
) c on true
