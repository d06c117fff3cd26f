-- How many pages the devices table has.
create function sweep_pages() returns bigint
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select pg_relation_size('public.devices') / current_setting('block_size')::bigint
$$
