-- $1 partition, $2 date[]: count and sums digest of the totals of each day.
select to_char(day, 'YYYY-MM-DD') as day, digest.count, digest.sums
from unnest($2::date[]) day
cross join lateral digest_of_sums($1, day) digest
order by day
