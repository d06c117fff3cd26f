-- Writes down one event of a tenant. A statement that reads the device beside it runs where the device
-- lies, also on a distributed database: the inbox's order there is that of the tenant's node.
create function record_event(
    p_msp_id uuid, p_type text, p_happened_at timestamptz, p_org_id uuid, p_client_id uuid,
    p_data jsonb
) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into event_inbox (msp_id, type, happened_at, org_id, client_id, data)
    values (p_msp_id, p_type, p_happened_at, p_org_id, p_client_id, p_data);
end
$$
