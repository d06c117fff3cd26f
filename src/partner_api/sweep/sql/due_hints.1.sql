-- Devices that somebody said fall due by p_now, before the sweep would come by.
create function due_hints(p_now timestamptz)
returns table (msp_id uuid, client_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select h.msp_id, h.client_id from status_hints h
     where h.due_at <= p_now
$$
