-- waiting_events on a distributed database, where nobody can go from tenant to tenant over shards:
-- every shard looks through what waits there.
create or replace function waiting_events() returns table (msp_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select i.msp_id from event_inbox i group by i.msp_id
$$
