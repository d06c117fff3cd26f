-- Tenants with check-ins that are not counted yet.
create function waiting_tallies() returns table (msp_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    -- From tenant to tenant, however much each has waiting.
    with recursive waiting as (
        (select t.msp_id from check_in_tallies t order by t.msp_id limit 1)
        union all
        select (select t.msp_id from check_in_tallies t
                 where t.msp_id > w.msp_id order by t.msp_id limit 1)
          from waiting w where w.msp_id is not null
    )
    select w.msp_id from waiting w where w.msp_id is not null
$$
