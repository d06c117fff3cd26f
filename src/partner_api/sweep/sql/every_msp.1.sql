-- Every MSP there is.
create function every_msp() returns table (msp_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select m.msp_id from msps m order by m.msp_id
$$
