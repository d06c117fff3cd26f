-- How many pages the devices table has, and which file: another one after a rewrite of the table.
create function sweep_pages() returns table (pages bigint, file oid)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select pg_relation_size('public.devices') / current_setting('block_size')::bigint,
           pg_relation_filenode('public.devices')
$$
