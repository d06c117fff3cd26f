-- Whether a check-in leaves its device where it is, streaming, and the next threshold so far off
-- that the sweep comes by in time without a hint. Told by differences of instants alone: adding to
-- an instant depends on the session's zone, and could not be planned into statements.
create function is_calm(
    p_stage smallint, p_last_seen timestamptz, p_streaming_seconds integer,
    p_observed timestamptz, p_now timestamptz
) returns boolean
language sql immutable
as $$
    select p_stage = 0 and p_observed <= p_now
       and p_observed - p_last_seen < p_streaming_seconds * interval '1 second'
       and p_now - p_observed < (p_streaming_seconds - 65) * interval '1 second'
$$
