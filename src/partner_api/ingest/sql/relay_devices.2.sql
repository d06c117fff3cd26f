-- Which of an MSP's devices there are, and the token hashes their check-ins are written under. The
-- MSP is the integrator's, from a verified token; from here a relayed check-in goes the way of all
-- others, joined on MSP, device and hash.
create or replace function relay_devices(p_msp_id uuid, p_client_ids uuid[])
returns table (client_id uuid, token_hash bytea)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select i.client_id, d.token_hash
      from unnest(p_client_ids) as i (client_id)
     cross join lateral (
         -- Each by its key, also where most MSPs are small and all of one's devices seem as few.
         select e.token_hash from devices e
          where e.msp_id = p_msp_id and e.client_id = i.client_id offset 0) d
$$
