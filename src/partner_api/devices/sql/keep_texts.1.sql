-- Brings the texts that devices are searched in up to their facts, where they differ. The caller
-- holds the devices' rows.
create function keep_texts(p_msp_id uuid, p_client_ids uuid[]) returns void
language sql volatile
set search_path = pg_catalog, public, pg_temp
as $$
    insert into device_texts (msp_id, client_id, text)
    select d.msp_id, d.client_id, s.text
      from devices d
     cross join lateral (values (
         search_text(d.asset_id, d.serial_number, d.user_name, d.user_email))) as s (text)
     where d.msp_id = p_msp_id and d.client_id = any(p_client_ids)
       and not exists (
           select from device_texts t
            where t.msp_id = d.msp_id and t.client_id = d.client_id and t.text = s.text)
        on conflict (msp_id, client_id) do update set text = excluded.text
$$
