-- When a device that was last seen at p_last_seen went out, or null if it did not by p_now. After
-- the server itself was away (until p_resumed_at) a device has its whole time again to be seen; the
-- outage began when it did all the same.
create function outage(
    p_last_seen timestamptz, p_offline_seconds integer, p_resumed_at timestamptz, p_now timestamptz
) returns timestamptz
language sql immutable
return case
    when extract(epoch from p_now - greatest(p_last_seen, p_resumed_at)) >= p_offline_seconds
    then p_last_seen + make_interval(secs => p_offline_seconds) end;
