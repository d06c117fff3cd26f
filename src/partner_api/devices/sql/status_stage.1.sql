-- How many of its thresholds a device has passed: under the first it is streaming (0), up to the
-- second idle (1), up to the third offline (2), beyond it, or never seen, lost (3).
create function status_stage(p_last_seen timestamptz, p_ages integer[], p_now timestamptz)
returns smallint
language sql immutable
as $$
    select case
        when p_now - p_last_seen < p_ages[1] * interval '1 second' then 0
        when p_now - p_last_seen <= p_ages[2] * interval '1 second' then 1
        when p_now - p_last_seen <= p_ages[3] * interval '1 second' then 2
        else 3 end::smallint
$$
