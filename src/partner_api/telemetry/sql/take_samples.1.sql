-- Takes some of an MSP's samples out of the inbox, oldest first; they are gone when the caller
-- commits what it made of them, and back when it does not.
create function take_samples(p_msp_id uuid, p_most integer) returns table (
    client_ids uuid[], moments timestamptz[], samples bytea[]
)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    delete from sample_inbox i
     where i.msp_id = p_msp_id
       and i.batch_id in (
           select w.batch_id from sample_inbox w
            where w.msp_id = p_msp_id order by w.batch_id limit p_most)
    returning i.client_ids, i.moments, i.samples
$$
