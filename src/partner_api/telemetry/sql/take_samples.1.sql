-- Takes an MSP's samples out of the inbox, oldest first: a row at least, and no more samples or
-- bytes than told. They are gone when the caller commits what it made of them, and back when it
-- does not.
create function take_samples(p_msp_id uuid, p_samples integer, p_bytes integer) returns table (
    client_ids uuid[], moments timestamptz[], samples bytea[]
)
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
    delete from sample_inbox i
     where i.msp_id = p_msp_id
       -- A stretch and no list: a plan made while nothing waits would compare each batch with each of
       -- the list.
       and i.batch_id <= (
           select s.batch_id
             from (select w.batch_id, row_number() over o as place,
                          sum(w.number) over o as number, sum(w.bytes) over o as bytes
                     from (select b.batch_id, cardinality(b.client_ids) as number,
                                  pg_column_size(b.samples) as bytes
                             from sample_inbox b
                            where b.msp_id = p_msp_id order by b.batch_id limit p_samples) w
                   window o as (order by w.batch_id)) s
            where s.place = 1 or (s.number <= p_samples and s.bytes <= p_bytes)
            order by s.batch_id desc limit 1)
    returning i.client_ids, i.moments, i.samples
$$
