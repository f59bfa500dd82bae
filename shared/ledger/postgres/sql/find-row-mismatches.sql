-- $1 date: commits whose rows of this day are not what their ledger row says (U12), and partitions with rows that no
-- commit inserted (sequence null). Left out are partitions where the day is closed and its rows are gone.
with found as (
  select partition::int as partition, sequence, count(*) as count,
    -- The tuples of COPY BINARY, as shared/log/row-tuple.ts writes them.
    encode(sha256(string_agg(
      '\x0010'::bytea
        || '\x00000010'::bytea || uuid_send(key_hash) || '\x00000010'::bytea || uuid_send(fingerprint)
        || '\x00000008'::bytea || int8send("offset") || '\x00000004'::bytea || int4send(index)
        || '\x00000001'::bytea || boolsend(undated) || '\x00000004'::bytea || date_send(event_day)
        || '\x00000008'::bytea || timestamptz_send(event_time)
        || '\x00000008'::bytea || timestamptz_send(created_at)
        || '\x00000002'::bytea || int2send(shard_id) || '\x00000002'::bytea || int2send(partition)
        || int4send(octet_length(numeric_send(quantity))) || numeric_send(quantity)
        || int4send(octet_length(organization_id)) || convert_to(organization_id, 'UTF8')
        || int4send(octet_length(metric_name)) || convert_to(metric_name, 'UTF8')
        || int4send(octet_length(dimensions)) || convert_to(dimensions, 'UTF8')
        || int4send(octet_length(idempotency_key)) || convert_to(idempotency_key, 'UTF8')
        || coalesce(int4send(octet_length(properties)) || properties, '\xffffffff'::bytea),
      ''::bytea order by "offset", index) filter (where sequence is not null)), 'hex') as digest
  from events_by_commit e
  where event_day = $1 and e.partition <> all (array(select partition from gone_days where day = $1))
  group by 1, 2
),
expected as (
  select l.partition, l.sequence, l.count, l.digest
  from commits_of_day($1) l
  where l.partition <> all (array(select partition from gone_days where day = $1))
),
mismatched as (
  select partition, sequence
  from (select * from found where sequence is not null) f
  full join expected x using (partition, sequence)
  where (f.count, f.digest) is distinct from (x.count, x.digest)
  union all
  select partition, null
  from found
  where sequence is null
)
select partition, sequence, l.from_offset
from mismatched
left join commit_ledger l using (partition, sequence)
order by 1, 2
