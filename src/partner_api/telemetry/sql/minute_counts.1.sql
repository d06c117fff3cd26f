-- What was counted in an hour's minutes, from 0, which may come in any order and repeat: sixty numbers.
create function minute_counts(p_minutes integer[], p_numbers bigint[]) returns integer[]
language plpgsql immutable
as $$
declare
    v_counts integer[] := array_fill(0, array[60]);
begin
    for i in 1 .. cardinality(p_minutes) loop
        v_counts[p_minutes[i] + 1] := v_counts[p_minutes[i] + 1] + p_numbers[i];
    end loop;
    return v_counts;
end
$$
