-- The MSPs some of whose samples wait.
create function waiting_samples() returns table (msp_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select distinct i.msp_id from sample_inbox i
$$
