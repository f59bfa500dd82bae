-- API keys. These are control rows: every shard holds all of them, so that any shard can answer for a credential (U9).
-- A row is joined with what another shard has of the same key, in any order and any number of times, with one result:
-- what a key is never changes, its version only rises, its end only comes earlier, and it is revoked for ever.
create table api_keys (
  id text primary key check (id ~ '^[0-9a-z]{16}$'),
  -- HMAC-SHA256 of the whole key. The secret of that HMAC is in no database.
  hash bytea not null check (octet_length(hash) = 32),
  owner text not null check (length(owner) between 1 and 128),
  scopes text[] not null check (cardinality(scopes) > 0),
  -- Null: all organizations.
  organizations text[] check (cardinality(organizations) > 0),
  keys_required boolean not null,
  created_by text not null,
  created_at timestamptz not null,
  -- Null: it has no end.
  expires_at timestamptz,
  revoked_at timestamptz,
  version integer not null check (version > 0),
  -- The place of the row's last change on this shard; who has read up to a place asks for what is above it.
  change bigint not null unique
);
create index api_keys_owner on api_keys (owner);

-- One row. It is locked by whoever changes a key, so that places are seen in their order.
create table api_key_state (
  one boolean primary key default true check (one),
  changes bigint not null default 0,
  -- When this shard, by its own clock, was last compared with enough others to hold every change that was acknowledged
  -- before. A shard that was started since then answers for no credential, and neither does one that was compared long ago.
  compared_at timestamptz
);
insert into api_key_state default values;

-- When a key was last used, on whichever shard took it; it decides nothing, so it has no version.
create table api_key_uses (
  id text primary key references api_keys,
  used_at timestamptz not null
);

do $$
declare
  login text;
begin
  foreach login in array array['odometer_authorizer', 'odometer_keys'] loop
    begin
      if not exists (select from pg_roles where rolname = login) then
        execute format('create role %I login', login);
      end if;
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
  execute format('grant connect on database %I to odometer_authorizer, odometer_keys', current_database());
end
$$;
grant usage on schema public to odometer_authorizer, odometer_keys;
grant select on shard_identity to odometer_authorizer, odometer_keys;

-- The authorizer reads keys and changes none; it says when one was used.
grant select on api_keys, api_key_state to odometer_authorizer;
grant select, insert, update on api_key_uses to odometer_authorizer;

-- The function of the administrators' routes. It can neither delete a key nor change what it is.
grant select, insert on api_keys to odometer_keys;
grant update (expires_at, revoked_at, version, change) on api_keys to odometer_keys;
grant select, update on api_key_state to odometer_keys;
grant select on api_key_uses to odometer_keys;

grant select on api_keys, api_key_state, api_key_uses to billing;

-- Neither the owner nor any other login reads or changes them.
alter table api_keys enable row level security, force row level security;
alter table api_key_state enable row level security, force row level security;
alter table api_key_uses enable row level security, force row level security;

create policy authorizer on api_keys for select to odometer_authorizer using (true);
create policy authorizer on api_key_state for select to odometer_authorizer using (true);
create policy authorizer on api_key_uses to odometer_authorizer using (true) with check (true);
create policy keys on api_keys to odometer_keys using (true) with check (true);
create policy keys on api_key_state to odometer_keys using (true) with check (true);
create policy keys on api_key_uses for select to odometer_keys using (true);
create policy operator on api_keys for select to billing using (true);
create policy operator on api_key_state for select to billing using (true);
create policy operator on api_key_uses for select to billing using (true);

create function keep_revoked() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if new.version < old.version or (old.revoked_at is not null and new.revoked_at is null)
    or new.revoked_at > old.revoked_at or new.expires_at > old.expires_at
    or (old.expires_at is not null and new.expires_at is null) then
    raise exception 'a key gains nothing by a change' using errcode = 'check_violation';
  end if;
  return new;
end
$$;
create trigger keep_revoked before update on api_keys for each row execute function keep_revoked();

create trigger audit_keys after insert or update or delete on api_keys for each row
  execute function write_audit();
