-- Properties arrive sealed (AES-256-GCM, by ingest): the shard holds no key and never sees plaintext.
alter table usage_events add column properties bytea;
-- Ciphertext does not compress, so trying would only cost CPU.
alter table usage_events alter column properties set storage external;
-- Plaintext by mistake is the one thing that a check can find here: version, producer id, nonce and tag alone
-- are 45 bytes (shared/events/sealed-properties.ts).
alter table usage_events add constraint usage_events_sealed check (octet_length(properties) > 45);
comment on column usage_events.properties is 'sealed: version, producer id, nonce, AES-256-GCM ciphertext, tag';
