-- $1 date: of each partition, count and sums digest of its totals of the day.
select p.partition, digest.count, digest.sums
from partition_progress p
cross join lateral digest_of_sums(p.partition, $1) digest
order by p.partition
