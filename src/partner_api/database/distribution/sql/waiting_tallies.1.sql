-- waiting_tallies on a distributed database, where nobody can go from tenant to tenant over shards:
-- every shard looks through what waits there.
create or replace function waiting_tallies() returns table (msp_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select t.msp_id from check_in_tallies t group by t.msp_id
$$
