-- The first commit of each partition whose quarantined records or conflicts are not what its ledger row says (U12;
-- shared/ledger/kept-digests.ts); sequence null: rows that no commit wrote.
with kept as (
  select 'quarantine' as kind, partition, generation, "offset", index,
    concat_ws(E'\n', "offset", index, code, encode(sha256(bytes), 'hex'), '') as lines
  from quarantine
  union all
  select 'conflicts', partition, generation, "offset", index,
    concat_ws(E'\n', "offset", index, organization_id, encode(uuid_send(key_hash), 'hex'),
      to_char(event_day, 'YYYY-MM-DD'), encode(uuid_send(fingerprint), 'hex'), to_char(first_day, 'YYYY-MM-DD'),
      first_offset, first_index, encode(uuid_send(first_fingerprint), 'hex'), '')
  from usage_conflicts
),
found as (
  select kind, k.partition, l.sequence,
    encode(sha256(convert_to(string_agg(lines, '' order by "offset", index), 'UTF8')), 'hex') as digest
  from kept k
  left join lateral (
    select sequence, to_offset
    from commit_ledger c
    where c.partition = k.partition and c.generation = k.generation
      and c.to_offset > c.from_offset and c.from_offset <= k."offset"
    order by c.from_offset desc
    limit 1
  ) l on k."offset" < l.to_offset
  group by 1, 2, 3
),
expected as (
  select 'quarantine' as kind, partition, sequence, quarantine_digest as digest
  from commit_ledger
  where quarantine_digest is not null
  union all
  select 'conflicts', partition, sequence, conflicts_digest from commit_ledger where conflicts_digest is not null
)
select distinct on (kind, partition) kind, partition, sequence, l.from_offset
from found f
full join expected x using (kind, partition, sequence)
left join commit_ledger l using (partition, sequence)
where f.digest is distinct from x.digest
order by kind, partition, sequence
