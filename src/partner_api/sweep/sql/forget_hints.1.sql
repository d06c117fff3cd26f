-- Removes the hints at devices that were just swept, in the same transaction: their rows are
-- locked, so nobody can have written a newer one that would be lost.
create function forget_hints(p_msp_ids uuid[], p_client_ids uuid[], p_now timestamptz) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    delete from status_hints h
     using unnest(p_msp_ids, p_client_ids) as i (msp_id, client_id)
     where h.msp_id = i.msp_id and h.client_id = i.client_id and h.due_at < p_now
$$
