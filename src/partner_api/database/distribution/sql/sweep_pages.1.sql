-- sweep_pages on a distributed database: the pages of the largest shard, since sweep_scan reads the
-- same pages of every shard at once; and another file after a shard has moved. A shard's size
-- includes its indexes, so that some ranges are beyond the end of the table and cost nothing.
create or replace function sweep_pages() returns table (pages bigint, file oid)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query
    select max(s.shard_size) / current_setting('block_size')::bigint,
           (hashtext(string_agg(s.shardid || '@' || s.nodename || ':' || s.nodeport, ' '
                                order by s.shardid))::bigint & 2147483647)::oid
      from citus_shards s where s.table_name = 'public.devices'::regclass
    having bool_and(s.shard_size is not null);
    if not found then
        -- Nobody may believe that what lies there has been swept.
        raise exception 'a node does not tell the size of its shards'
            using errcode = 'cannot_connect_now';
    end if;
end
$$
