-- Writes what devices say of their networks, interfaces and metrics, where it is news and nothing
-- newer is known; what is null stays as it is. A gateway is of the network it was told with: one
-- told without has none.
create function write_reports(
    p_msp_id uuid, p_client_ids uuid[], p_reported timestamptz[], p_networks text[],
    p_interfaces text[], p_metrics text[], p_gateways bigint[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    insert into device_reports as r (
           msp_id, client_id, reported_at, network, interfaces, metrics, gateway_mac)
    select p_msp_id, i.client_id, i.reported_at, i.network::jsonb, i.interfaces::jsonb,
           i.metrics::jsonb, case when i.network::jsonb ? 'gateway' then i.gateway_mac end
      from unnest(p_client_ids, p_reported, p_networks, p_interfaces, p_metrics, p_gateways)
           as i (client_id, reported_at, network, interfaces, metrics, gateway_mac)
      left join lateral (
         select e.* from device_reports e
          where e.msp_id = p_msp_id and e.client_id = i.client_id offset 0) k on true
     where k.client_id is null
        or k.network is distinct from coalesce(i.network::jsonb, k.network)
        or k.interfaces is distinct from coalesce(i.interfaces::jsonb, k.interfaces)
        or k.metrics is distinct from coalesce(i.metrics::jsonb, k.metrics)
        on conflict (msp_id, client_id) do update
       set reported_at = excluded.reported_at,
           network = coalesce(excluded.network, r.network),
           interfaces = coalesce(excluded.interfaces, r.interfaces),
           metrics = coalesce(excluded.metrics, r.metrics),
           gateway_mac = case when excluded.network is null then r.gateway_mac
                              else excluded.gateway_mac end
     where r.reported_at <= excluded.reported_at
$$
