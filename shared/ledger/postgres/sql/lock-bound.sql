-- What changes the closed days of a shard, or reads them to act on them, begins with this lock, in a statement of its own:
-- the next one then sees what whoever held it before has written. Days are days since 1970.
select closed_before - date '1970-01-01' as closed_before from shard_identity for update
