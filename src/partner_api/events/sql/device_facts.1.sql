-- A device as an event tells of it: what it said and who it is, and the state it was in. Who shows
-- the event renders it.
create function device_facts(p_device devices, p_state smallint) returns jsonb
language sql stable
set search_path = pg_catalog, public, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'orgId', p_device.org_id, 'currentVersion', p_device.current_version,
        'os', p_device.os, 'osVersion', p_device.os_version, 'arch', p_device.arch,
        'channel', p_device.channel, 'lastSeen', p_device.last_seen,
        'checkInCount', p_device.check_in_count, 'serialNumber', p_device.serial_number,
        'assetId', p_device.asset_id, 'userName', p_device.user_name,
        'userEmail', p_device.user_email, 'referrer', p_device.referrer, 'state', p_state))
$$
