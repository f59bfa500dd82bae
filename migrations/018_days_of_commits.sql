-- Built by itself: whoever inserts waits for it, and a stronger lock after it would wait for whoever waits.

-- Which commits inserted into a day. Without the pending list of GIN, so that no commit pays for those before it.
create index commit_ledger_days on commit_ledger using gin (jsonb_path_query_array(days, '$[*].day'))
  with (fastupdate = off);

-- Decisions are few.
create index commit_ledger_decisions on commit_ledger (partition, sequence) where source = 'decision';
