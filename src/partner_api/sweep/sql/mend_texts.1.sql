-- Brings the texts that some of a tenant's devices are searched in up to their facts; tells how many
-- were wrong or missing. Rows are locked in key order, and only then read.
create function mend_texts(p_msp_id uuid, p_client_ids uuid[]) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_wrong uuid[];
begin
    select array_agg(d.client_id) into v_wrong
      from devices d
      left join device_texts t on t.msp_id = d.msp_id and t.client_id = d.client_id
     where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
       and t.text is distinct from
           search_text(d.asset_id, d.serial_number, d.user_name, d.user_email);
    if v_wrong is null then
        return 0;
    end if;
    perform 1 from devices d
      where d.msp_id = p_msp_id and d.client_id = any(v_wrong)
      order by d.client_id
        for no key update;
    perform keep_texts(p_msp_id, v_wrong);
    return cardinality(v_wrong);
end
$$
