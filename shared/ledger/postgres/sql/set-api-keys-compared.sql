-- $1 when this shard, by its own clock, lacked no acknowledged change, in milliseconds since 1970.
update api_key_state set compared_at = to_timestamp($1 / 1000.0)
