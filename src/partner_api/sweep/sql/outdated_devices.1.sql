-- The next of an MSP's devices that count as current although a release outdates them, from a
-- position on; the last row tells the next position.
create function outdated_devices(
    p_msp_id uuid, p_channel text, p_os text, p_version_sort text,
    p_after_sort text, p_after_client_id uuid, p_limit integer
) returns table (version_sort text, client_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select d.version_sort, d.client_id from devices d
     where d.msp_id = p_msp_id and d.version_sort < p_version_sort
       and (d.version_sort, d.client_id) > (p_after_sort, p_after_client_id)
       and d.is_current and d.channel = p_channel
       and p_os in ('', lower(d.os collate "C"))
     order by d.version_sort, d.client_id limit p_limit
$$
