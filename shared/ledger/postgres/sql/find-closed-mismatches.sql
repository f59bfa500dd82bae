-- $1 date: ledger rows that closed this day, whose totals are not what they were then (U12).
select c.partition, c.sequence, l.from_offset
from closed_days c
join commit_ledger l using (partition, sequence)
cross join lateral digest_of_sums(c.partition, c.day) now
where c.day = $1 and (now.count, now.sums) is distinct from (c.count, c.sums)
order by 1, 2
