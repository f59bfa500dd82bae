-- $1 partition, $2 date
update partition_progress set closed_before = $2, updated_at = now() where partition = $1
