-- Tenants with events that have no place in their log yet.
create function waiting_events() returns table (msp_id uuid)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    -- From tenant to tenant, however many events each has waiting.
    with recursive waiting as (
        (select i.msp_id from event_inbox i order by i.msp_id limit 1)
        union all
        select (select i.msp_id from event_inbox i
                 where i.msp_id > w.msp_id order by i.msp_id limit 1)
          from waiting w where w.msp_id is not null
    )
    select w.msp_id from waiting w where w.msp_id is not null
$$
