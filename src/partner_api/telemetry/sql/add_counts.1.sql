-- Two hours' counts added minute by minute.
create function add_counts(p_one integer[], p_other integer[]) returns integer[]
language sql immutable
as $$
    select array_agg(c.one + c.other order by c.minute)
      from unnest(p_one, p_other) with ordinality as c (one, other, minute)
$$
