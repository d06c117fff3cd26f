-- Devices whose samples are to be put away, or whose newest sample is growing old: of each MSP some.
create function due_live(p_now timestamptz, p_most integer)
returns table (msp_id uuid, client_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select m.msp_id, d.client_id from msps m
     cross join lateral (
           (select l.client_id from network_live l
             where l.msp_id = m.msp_id and l.expires_at <= p_now
             order by l.expires_at limit p_most)
           union
           (select l.client_id from network_live l
             where l.msp_id = m.msp_id and l.close_at <= p_now
             order by l.close_at limit p_most)) d
$$
