-- $1 an owner: how many of its keys are live, and of all owners.
select count(*) filter (where owner = $1)::int as of_owner, count(*)::int as of_all
from api_keys
where revoked_at is null and coalesce(expires_at > clock_timestamp(), true)
