select id, floor(extract(epoch from used_at) * 1000)::int8 as used_at_ms from api_key_uses
