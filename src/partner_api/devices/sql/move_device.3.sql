-- Moves a device to another organization of its MSP, whose thresholds it then follows. The caller
-- holds the device's row and the organization's FOR SHARE.
create or replace function move_device(
    p_msp_id uuid, p_client_id uuid, p_org_id uuid, p_now timestamptz
) returns void
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_before devices;
    v_after devices;
    v_there status_walked;
    v_step timestamptz;
    v_level smallint;
begin
    select * into strict v_before from devices d
     where d.msp_id = p_msp_id and d.client_id = p_client_id for no key update;
    if v_before.org_id = p_org_id then
        return;
    end if;
    -- Before any counter: who digests samples locks these rows first as well.
    update network_live l set org_id = p_org_id
     where l.msp_id = p_msp_id and l.client_id = p_client_id
    returning l.level into v_level;
    if v_level is not null then
        perform count_levels(
            p_msp_id, array[v_before.org_id, p_org_id],
            array[-(v_level = 0)::integer, (v_level = 0)::integer],
            array[-(v_level = 1)::integer, (v_level = 1)::integer],
            array[-(v_level = 2)::integer, (v_level = 2)::integer]);
    end if;
    v_there := status_walk(
        v_before.stage, v_before.stage_since, v_before.is_current, v_before.last_seen,
        array[v_before.streaming_seconds, v_before.online_seconds, v_before.critical_seconds],
        '{}', '{}', null, null, null, p_now);
    v_step := greatest(p_now, v_there.since + interval '1 microsecond');
    update devices d
       set org_id = o.org_id, stage_since = v_step,
           stage = status_stage(
               d.last_seen,
               array[o.streaming_seconds, o.online_seconds, o.critical_seconds], p_now),
           streaming_seconds = o.streaming_seconds, online_seconds = o.online_seconds,
           critical_seconds = o.critical_seconds,
           check_in_interval_seconds = o.check_in_interval_seconds,
           offline_event_seconds = o.offline_event_seconds
      from organizations o
     where d.msp_id = p_msp_id and d.client_id = p_client_id
       and o.msp_id = p_msp_id and o.org_id = p_org_id
    returning d.* into strict v_after;
    perform record_changes(array[
        row(p_msp_id, p_client_id, v_before.org_id, v_before.org_id,
            status_state(v_before.stage, v_before.is_current),
            status_state(v_there.stage, v_before.is_current), v_there)::device_change,
        row(p_msp_id, p_client_id, v_before.org_id, p_org_id,
            status_state(v_there.stage, v_before.is_current),
            status_state(v_after.stage, v_after.is_current),
            row(v_after.stage, v_step,
                v_after.last_seen + interval '1 second' * (array[
                    v_after.streaming_seconds, v_after.online_seconds,
                    v_after.critical_seconds])[v_after.stage + 1],
                array[v_step], array[status_state(v_there.stage, v_before.is_current)],
                array[status_state(v_after.stage, v_after.is_current)],
                array['moved'])::status_walked)::device_change], p_now);
end
$$
