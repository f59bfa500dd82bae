-- Built by itself, as the indexes of 018 are.

-- Totals of one day are read for its proof, and of all days none are read for one of them.
create index usage_rollups_quarter on usage_rollups (quarter, partition);
