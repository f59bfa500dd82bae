-- Closing a day, and with it every day before. A commit and a closing meet on the progress row: a commit moves it only
-- if this column is what the commit took for closed, so an event of a closed day is never counted, and the ledger row
-- that closes the day follows and is followed by the right one. It repeats shard_identity.closed_before, which says
-- whether a leaf may be made; both change in one transaction.
alter table partition_progress add column closed_before date;
