-- Properties arrive sealed (AES-256-GCM, by ingest): the shard holds no key and never sees plaintext.
alter table usage_events add column properties bytea;
-- Ciphertext does not compress, so trying would only cost CPU.
alter table usage_events alter column properties set storage external;
-- Plaintext by mistake is the one thing that a check can find here: a sealed value is longer than its tag.
alter table usage_events add constraint usage_events_sealed check (octet_length(properties) > 16);
comment on column usage_events.properties is 'sealed: AES-256-GCM ciphertext and tag';
