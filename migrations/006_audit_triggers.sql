-- Every change of control is on record: halts, resumes, restarts, the shard's identity. Commits are not
-- control; their trigger's WHEN is decided without calling the function.
create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  login text not null,
  -- Who decided and why, as the operator's use case says in its transaction; null for what the system did.
  decided_by text,
  decided_why text,
  subject text not null,
  action text not null,
  before jsonb,
  after jsonb
);
grant select on audit_log to billing;

create function write_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  insert into public.audit_log (login, decided_by, decided_why, subject, action, before, after)
  values (
    session_user,
    nullif(current_setting('odometer.decided_by', true), ''),
    nullif(current_setting('odometer.decided_why', true), ''),
    tg_table_name,
    lower(tg_op),
    case when tg_op <> 'INSERT' then to_jsonb(old) end,
    case when tg_op <> 'DELETE' then to_jsonb(new) end);
  return null;
end
$$;
revoke all on function write_audit() from public;

create trigger audit_halt after update on partition_progress for each row
  when (old.halted is distinct from new.halted or old.generation <> new.generation
    or old.first_offset <> new.first_offset)
  execute function write_audit();
create trigger audit_rows after insert or delete on partition_progress for each row
  execute function write_audit();
create trigger audit_identity after insert or update or delete on shard_identity for each row
  execute function write_audit();
