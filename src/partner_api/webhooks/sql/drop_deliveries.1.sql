-- Drops what is queued for a webhook that was deleted, as much as one turn may; tells whether there
-- is more.
create function drop_deliveries(p_msp_id uuid, p_webhook_id uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_dropped bigint;
begin
    delete from webhook_outbox o
     using (select q.position from webhook_outbox q
             where q.msp_id = p_msp_id and q.webhook_id = p_webhook_id
             order by q.position limit 10000) d
     where o.msp_id = p_msp_id and o.webhook_id = p_webhook_id and o.position = d.position
       and not exists (
           select from webhooks w where w.msp_id = p_msp_id and w.webhook_id = p_webhook_id);
    get diagnostics v_dropped = row_count;
    return v_dropped = 10000;
end
$$
