-- What an MSP chose for when a network is good, degraded or poor.
create function network_thresholds(p_msp_id uuid) returns table (name text, value integer)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select s.name, s.value from msp_settings s
     where s.msp_id = p_msp_id and s.name like 'networkQuality.%'
$$
