-- A stage, and whether the device is outdated, as one number; the counters have a column for each.
create function status_state(p_stage smallint, p_is_current boolean) returns smallint
language sql immutable
as $$
    select (2 * p_stage + case when p_is_current then 0 else 1 end)::smallint
$$
