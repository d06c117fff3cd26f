-- How often each of an hour's minutes, from 0, is among those given: sixty numbers.
create function minute_counts(p_minutes integer[]) returns integer[]
language plpgsql immutable
as $$
declare
    v_counts integer[] := array_fill(0, array[60]);
    v_minute integer;
begin
    foreach v_minute in array p_minutes loop
        v_counts[v_minute + 1] := v_counts[v_minute + 1] + 1;
    end loop;
    return v_counts;
end
$$
