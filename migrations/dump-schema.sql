-- One row an object of the migrated schema, in an order that does not depend on how it came about: leaves of
-- usage_events, extensions and role attributes are not part of it. Executable in this order after the roles.
with own as (
  select c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl, c.relowner
  from pg_class c
  where c.relnamespace = 'public'::regnamespace
    and not c.relispartition
    and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e')
),
grants as (
  select own.relname, a.grantee::regrole::text as grantee, string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as rights
  from own, aclexplode(own.relacl) a
  where a.grantee <> own.relowner
  group by 1, 2
),
column_grants as (
  select own.relname, a.grantee::regrole::text as grantee, lower(a.privilege_type) as privilege,
    string_agg(quote_ident(t.attname), ', ' order by t.attnum) as columns
  from own join pg_attribute t on t.attrelid = own.oid, aclexplode(t.attacl) a
  where a.grantee <> own.relowner
  group by 1, 2, 3
),
functions as (
  select p.oid, p.proname, p.proacl, p.proowner, pg_get_function_identity_arguments(p.oid) as arguments
  from pg_proc p
  where p.pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
)
select text from (
  select 1 as kind, own.relname::text as name, format(
    E'create table %I (\n%s\n)%s%s;', own.relname,
    (select string_agg(format('  %I %s%s%s%s', t.attname, format_type(t.atttypid, t.atttypmod),
        case when l.collname = 'C' then ' collate "C"' else '' end,
        case when t.attidentity = 'a' then ' generated always as identity' else '' end
          || coalesce(' default ' || pg_get_expr(v.adbin, v.adrelid), ''),
        case when t.attnotnull then ' not null' else '' end), E',\n' order by t.attnum)
      from pg_attribute t
      left join pg_collation l on l.oid = t.attcollation
      left join pg_attrdef v on v.adrelid = t.attrelid and v.adnum = t.attnum
      where t.attrelid = own.oid and t.attnum > 0 and not t.attisdropped),
    coalesce(' partition by ' || pg_get_partkeydef(own.oid), ''),
    coalesce(' with (' || array_to_string(own.reloptions, ', ') || ')', '')) as text
  from own where own.relkind in ('r', 'p')
  union all
  select 2, format('%s %s', own.relname, t.attname),
    format('alter table %I alter column %I set storage external;', own.relname, t.attname)
  from own join pg_attribute t on t.attrelid = own.oid where own.relkind in ('r', 'p') and t.attstorage = 'e' and t.attnum > 0
  union all
  select 3, format('%s %s', own.relname, k.conname),
    format('alter table %I add constraint %I %s;', own.relname, k.conname, pg_get_constraintdef(k.oid))
  from own join pg_constraint k on k.conrelid = own.oid where k.contype <> 'n'
  union all
  select 4, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) || ';'
  from own join pg_index i on i.indrelid = own.oid
  where not exists (select from pg_constraint k where k.conindid = i.indexrelid)
  union all
  select 5, own.relname, format('create view %I with (%s) as%s%s', own.relname, array_to_string(own.reloptions, ', '),
    E'\n', pg_get_viewdef(own.oid))
  from own where own.relkind = 'v'
  union all
  select 6, proname, rtrim(pg_get_functiondef(oid), E' \n') || ';' from functions
  union all
  select 7, format('%s %s', own.relname, g.tgname), pg_get_triggerdef(g.oid) || ';'
  from own join pg_trigger g on g.tgrelid = own.oid where not g.tgisinternal
  union all
  select 8, own.relname, format('alter table %I enable row level security%s;', own.relname,
    case when own.relforcerowsecurity then ', force row level security' else '' end)
  from own where own.relrowsecurity
  union all
  select 9, format('%s %s', own.relname, p.polname), format('create policy %I on %I for %s to %s%s%s;', p.polname, own.relname,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
    (select string_agg(r::regrole::text, ', ' order by r::regrole::text) from unnest(p.polroles) r),
    coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', ''),
    coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''))
  from own join pg_policy p on p.polrelid = own.oid
  union all
  select 10, relname || ' ' || grantee, format('grant %s on %I to %s;', rights, relname, grantee) from grants
  union all
  select 11, format('%s %s %s', relname, grantee, privilege),
    format('grant %s (%s) on %I to %s;', privilege, columns, relname, grantee)
  from column_grants
  union all
  select 12, f.proname, format('grant execute on function %I(%s) to %s;', f.proname, f.arguments, a.grantee::regrole)
  from functions f, aclexplode(f.proacl) a where a.grantee <> f.proowner
  union all
  select 13, a.grantee::regrole::text || a.privilege_type,
    format('grant %s on schema public to %s;', lower(a.privilege_type), a.grantee::regrole)
  from pg_namespace n, aclexplode(n.nspacl) a
  where n.nspname = 'public' and a.grantee <> n.nspowner
) objects
order by kind, name collate "C", text collate "C"
