-- Deletes a device, with the last steps of its history; tells whether it was there.
create or replace function remove_device(p_msp_id uuid, p_client_id uuid, p_now timestamptz) returns boolean
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_device devices;
    v_walked status_walked;
    v_state smallint;
    v_network network_live;
begin
    select * into v_device from devices d
     where d.msp_id = p_msp_id and d.client_id = p_client_id for update;
    if not found then
        return false;
    end if;
    -- Before any counter: who digests samples locks these rows first as well.
    delete from network_live l
     where l.msp_id = p_msp_id and l.client_id = p_client_id
    returning l.* into v_network;
    if v_network.level is not null then
        perform count_levels(
            p_msp_id, array[v_network.org_id], array[-(v_network.level = 0)::integer],
            array[-(v_network.level = 1)::integer], array[-(v_network.level = 2)::integer]);
    end if;
    v_walked := status_walk(
        v_device.stage, v_device.stage_since, v_device.is_current, v_device.last_seen,
        array[v_device.streaming_seconds, v_device.online_seconds, v_device.critical_seconds],
        '{}', '{}', null, null, null, p_now);
    v_state := status_state(v_walked.stage, v_device.is_current);
    v_walked.at := v_walked.at || greatest(p_now, v_walked.since + interval '1 microsecond');
    v_walked.states_before := v_walked.states_before || v_state;
    v_walked.states_after := v_walked.states_after || null::smallint;
    v_walked.causes := v_walked.causes || 'deleted'::text;
    perform record_changes(array[row(
        p_msp_id, p_client_id, v_device.org_id, v_device.org_id,
        status_state(v_device.stage, v_device.is_current), null, v_walked)::device_change], p_now);
    delete from devices d where d.msp_id = p_msp_id and d.client_id = p_client_id;
    return true;
end
$$
