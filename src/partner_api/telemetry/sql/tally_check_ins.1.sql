-- Keeps for count_check_ins which check-ins of one tenant a statement took: for each its device's life,
-- the organization it was in and the moment it was observed at. Called in the transaction that writes
-- the devices, while their rows are held. The key is the first one's; late check-ins alone can share
-- it with an earlier tally, when two of one moment came apart.
create function tally_check_ins(
    p_msp_id uuid, p_enrollment_ids uuid[], p_org_ids uuid[], p_moments timestamptz[]
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    insert into check_in_tallies as t (msp_id, enrollment_id, seen_at, org_ids, moments)
    values (p_msp_id, p_enrollment_ids[1], p_moments[1], p_org_ids, p_moments)
        on conflict (msp_id, enrollment_id, seen_at) do update
       set org_ids = t.org_ids || excluded.org_ids, moments = t.moments || excluded.moments
$$
