-- Whether an MSP's stored states and counters speak of now: the sweep is at most two seconds
-- behind, and every published release and changed threshold has been worked in. Its subqueries have
-- a column each, because a distributed database plans them one by one and cannot pass on none.
create function status_is_fresh(p_msp_id uuid, p_now timestamptz) returns boolean
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
    select exists (select 1 from sweep_watermark w
                    where w.swept_at between p_now - interval '2 seconds'
                                         and p_now + interval '2 seconds')
       and not exists (select 1 from releases r where r.applied_at is null)
       and not exists (select 1 from organizations o
                        where o.msp_id = p_msp_id and o.settings_changed_at is not null)
$$
