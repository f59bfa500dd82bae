-- $1 partition: the last row of its ledger.
select sequence, hash from commit_ledger where partition = $1 order by sequence desc limit 1
