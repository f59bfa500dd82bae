-- $1 partition. Waits until no transaction of a lost session is pending on the row.
select next_offset from partition_progress where partition = $1 for update
