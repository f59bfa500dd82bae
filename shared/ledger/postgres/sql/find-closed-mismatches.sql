-- Ledger rows that closed a day whose totals are not what they were then (U12).
select c.partition, c.sequence, l.from_offset, to_char(c.day, 'YYYY-MM-DD') as day
from closed_days c
join commit_ledger l using (partition, sequence)
cross join lateral digest_of_sums(c.partition, c.day) now
where (now.count, now.sums) is distinct from (c.count, c.sums)
order by 1, 2
