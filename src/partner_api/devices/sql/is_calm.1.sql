-- Whether a check-in leaves its device where it is, streaming, and the next threshold so far off
-- that the sweep comes by in time without a hint.
-- Stable, as adding an interval to an instant is: else it could not be planned into statements.
create function is_calm(
    p_stage smallint, p_last_seen timestamptz, p_streaming_seconds integer,
    p_observed timestamptz, p_now timestamptz
) returns boolean
language sql stable
as $$
    select p_stage = 0 and p_observed <= p_now
       and p_observed < p_last_seen + p_streaming_seconds * interval '1 second'
       and p_observed > p_now + interval '65 seconds' - p_streaming_seconds * interval '1 second'
$$
