-- $1 application name, $2 milliseconds: ends sessions of the own role and that name whose transaction is
-- older. No timeout of the server ends a COPY whose client has gone quiet.
select pid, pg_terminate_backend(pid) as ended
from pg_stat_activity
where usename = current_user
  and datname = current_database()
  and application_name = $1
  and pid <> pg_backend_pid()
  and xact_start < clock_timestamp() - $2::int8 * interval '1 millisecond'
