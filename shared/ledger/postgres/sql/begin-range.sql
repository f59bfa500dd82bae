-- Probes use the index even on a fresh day, which has no statistics.
begin; set local enable_seqscan = off; set local enable_bitmapscan = off
