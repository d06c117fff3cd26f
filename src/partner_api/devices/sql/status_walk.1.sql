-- Takes a device from where its row says it stands to where it stands at p_now, step by step: the
-- state machine itself, a pure function.
--
-- The device comes as its stage, since when, whether current, last seen when, and its thresholds
-- in seconds. What happened to it comes as moments with what was last seen then (p_moments,
-- p_seen, ascending; none when only time passed), and what holds from the first of them on
-- (p_is_current_after, p_ages_after). Thresholds step at the moment they pass, whenever we notice;
-- what happened steps at its own moment. A step is never put before one already recorded: what
-- came to light late counts from the newest step on. Steps of one device are a microsecond apart
-- at least, so their moments order them.
create function status_walk(
    p_stage smallint, p_since timestamptz, p_is_current boolean,
    p_last_seen timestamptz, p_ages integer[],
    p_moments timestamptz[], p_seen timestamptz[],
    p_is_current_after boolean, p_ages_after integer[], p_cause text, p_now timestamptz
) returns status_walked
language plpgsql immutable
as $$
declare
    v status_walked := (p_stage, p_since, null, '{}', '{}', '{}', '{}');
    v_is_current boolean := p_is_current;
    v_last_seen timestamptz := p_last_seen;
    v_ages integer[] := p_ages;
    v_last integer := coalesce(cardinality(p_moments), 0);
    v_until timestamptz;
    v_passes timestamptz;
    v_stage smallint;
begin
    for n in 1 .. v_last + 1 loop
        v_until := greatest(v.since, least(p_moments[n], p_now));
        while v.stage < 3 loop
            v_passes := v_last_seen + v_ages[v.stage + 1] * interval '1 second';
            -- The first threshold is passed at its very moment, the others after it.
            exit when v_passes > v_until or (v_passes = v_until and v.stage > 0);
            v.since := greatest(v_passes, v.since + interval '1 microsecond');
            v.at := v.at || v.since;
            v.states_before := v.states_before || status_state(v.stage, v_is_current);
            v.stage := v.stage + 1;
            v.states_after := v.states_after || status_state(v.stage, v_is_current);
            v.causes := v.causes || 'threshold'::text;
        end loop;
        exit when n > v_last;
        v_last_seen := greatest(v_last_seen, p_seen[n]);
        v_ages := p_ages_after;
        v_stage := status_stage(v_last_seen, v_ages, v_until);
        -- Whether an offline device is current shows nowhere but in the counters.
        if v_stage <> v.stage or (v_is_current <> p_is_current_after and v_stage < 2) then
            v.since := greatest(v_until, v.since + interval '1 microsecond');
            v.at := v.at || v.since;
            v.states_before := v.states_before || status_state(v.stage, v_is_current);
            v.states_after := v.states_after || status_state(v_stage, p_is_current_after);
            v.causes := v.causes || p_cause;
        end if;
        v.stage := v_stage;
        v_is_current := p_is_current_after;
    end loop;
    if v.stage < 3 then
        v.due_at := v_last_seen + v_ages[v.stage + 1] * interval '1 second';
    end if;
    return v;
end
$$
