-- A day that was closed stays closed: its rows, which are the memory of its keys, are gone, so an event of it that came again
-- would count twice. Nothing lowers the bound, whoever asks for it and whatever raced.
create function keep_days_closed() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if new.closed_before >= old.closed_before then
    return new;
  end if;
  raise exception '%: days before % are closed', tg_table_name, old.closed_before using errcode = 'check_violation';
end
$$;
revoke all on function keep_days_closed() from public;

create trigger keep_days_closed before update of closed_before on shard_identity for each row
  when (old.closed_before is not null)
  execute function keep_days_closed();
create trigger keep_days_closed before update of closed_before on partition_progress for each row
  when (old.closed_before is not null)
  execute function keep_days_closed();
