-- Which of an MSP's devices there are, and the token hashes their check-ins are written under. The
-- MSP is the integrator's, from a verified token; from here a relayed check-in goes the way of all
-- others, joined on MSP, device and hash.
create function relay_devices(p_msp_id uuid, p_client_ids uuid[])
returns table (client_id uuid, token_hash bytea)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select d.client_id, d.token_hash
      from unnest(p_client_ids) as i (client_id)
      join devices d on d.msp_id = p_msp_id and d.client_id = i.client_id
$$
