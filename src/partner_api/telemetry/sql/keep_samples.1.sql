-- Puts what check-ins measured where the worker takes it from, one row for each MSP, in the
-- transaction of the check-ins; of those among them that were taken, by their ordinals.
create function keep_samples(
    p_taken bigint[], p_batch_id uuid, p_ordinals bigint[], p_msp_ids uuid[], p_client_ids uuid[],
    p_moments timestamptz[], p_samples bytea[]
) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    insert into sample_inbox (msp_id, batch_id, client_ids, moments, samples)
    select i.msp_id, p_batch_id, array_agg(i.client_id), array_agg(i.moment), array_agg(i.sample)
      from unnest(p_ordinals, p_msp_ids, p_client_ids, p_moments, p_samples)
           as i (ordinal, msp_id, client_id, moment, sample)
      join unnest(p_taken) as t (ordinal) on t.ordinal = i.ordinal
     group by i.msp_id
        on conflict (msp_id, batch_id) do nothing
$$
