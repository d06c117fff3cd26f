-- Writes down that a device runs another version than it did, if that is so. Its row is written and
-- locked.
create function record_version(
    p_msp_id uuid, p_client_id uuid, p_version_before text, p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    select record_event(
               d.msp_id, 'device.version_changed', p_now, d.org_id, d.client_id,
               jsonb_build_object(
                   'device', device_facts(row(d.*)::devices, status_state(d.stage, d.is_current)),
                   'previous', jsonb_build_object('currentVersion', p_version_before)))
      from devices d
     where d.msp_id = p_msp_id and d.client_id = p_client_id
       and d.current_version <> p_version_before
$$
