-- Writes the publication of a release into every tenant's log.
create function record_release(
    p_channel text, p_os text, p_version text, p_now timestamptz
) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    select record_event(
               m.msp_id, 'release.published', p_now, null, null,
               jsonb_build_object('release', jsonb_strip_nulls(jsonb_build_object(
                   'channel', p_channel, 'os', nullif(p_os, ''), 'version', p_version))))
      from msps m
$$
