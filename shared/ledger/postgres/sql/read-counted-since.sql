-- $1 int[] partitions, $2 int8[] sequences, $3 date: the days up to it into which commits have inserted since.
select distinct to_char(d.day, 'YYYY-MM-DD') as day
from unnest($1::int[], $2::int8[]) head (partition, sequence)
join commit_ledger l on l.partition = head.partition and l.sequence > head.sequence
cross join jsonb_to_recordset(l.days) d (day date, digest text)
where d.day <= $3 and d.digest is not null
order by 1
