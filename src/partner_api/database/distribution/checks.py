"""What has to be so before anything is distributed."""

from collections.abc import Sequence

from partner_api.database.distribution.catalog import SERVING, Connection, read_logins
from partner_api.database.distribution.placement import Placement
from partner_api.database.distribution.rules import broken_rules
from partner_api.database.revisions import applied_revision, newest_revision


async def refusals(connection: Connection, placement: Placement) -> Sequence[str]:
    """Every reason not to begin, a sentence each."""
    if not await connection.fetchval(_IS_SUPERUSER):
        return ["the login of --url is no superuser of the coordinator"]
    version = await connection.fetchval(_CITUS)
    if version is None:
        return ["the extension citus is not installed in this database: create extension citus"]
    return [
        *await _node_refusals(connection, version),
        *await _schema_refusals(connection, placement),
        *await _session_refusals(connection),
    ]


async def _node_refusals(connection: Connection, version: str) -> Sequence[str]:
    (nodes,) = await connection.fetch(_NODES)
    reasons = []
    if not nodes["is_coordinator"]:
        reasons.append(
            "this node is no coordinator that knows itself: select citus_set_coordinator_host(…)"
        )
    if not nodes["workers"]:
        reasons.append("no worker has been added: select citus_add_node(…)")
    if nodes["without_metadata"]:
        reasons.append(f"nodes without synced metadata: {nodes['without_metadata']}")
    if nodes["coordinator_has_shards"]:
        reasons.append("the coordinator would hold shards: set its shouldhaveshards to false")
    if reasons:
        return reasons
    for what, (statement, expected) in {
        f"has not version {version} of the extension": (_CITUS, version),
        "has max_prepared_transactions at 0": (PREPARED, "t"),
    }.items():
        for node, succeeded, result in await connection.fetch(_ON_EVERY_NODE, statement):
            if not succeeded or result != expected:
                reasons.append(f"{node} {what}: {result}")
    return reasons


async def _schema_refusals(connection: Connection, placement: Placement) -> Sequence[str]:
    reasons = list(await broken_rules(connection, placement.distributed))
    revision = await applied_revision(connection)
    if revision != newest_revision():
        reasons.append(
            f"the schema stands at {revision or 'none'} and this version is for "
            f"{newest_revision()}; run: partner-api db upgrade"
        )
    return reasons


async def _session_refusals(connection: Connection) -> Sequence[str]:
    if not await read_logins(connection, *SERVING):
        return ["nobody is a member of the server's roles; run: partner-api db upgrade"]
    logins = [row[0] for row in await connection.fetch(_SESSIONS, SERVING)]
    if not logins:
        return []
    return [f"servers or workers are still connected, as {', '.join(logins)}; stop them first"]


_IS_SUPERUSER = "select rolsuper from pg_roles where rolname = current_user"
_CITUS = "select extversion from pg_extension where extname = 'citus'"
# What spans nodes is committed in two phases.
PREPARED = "select setting::integer > 0 from pg_settings where name = 'max_prepared_transactions'"
_ON_EVERY_NODE = """
    select n.nodename || ':' || n.nodeport, r.success, r.result
      from run_command_on_all_nodes($1) r join pg_dist_node n on n.nodeid = r.nodeid
     order by 1"""
_NODES = """
    select exists (select 1 from pg_dist_local_group where groupid = 0)
               and count(*) filter (where groupid = 0) = 1 as is_coordinator,
           count(*) filter (where groupid <> 0 and isactive) as workers,
           string_agg(nodename || ':' || nodeport, ', ')
               filter (where not (hasmetadata and metadatasynced)) as without_metadata,
           coalesce(bool_or(shouldhaveshards) filter (where groupid = 0), false)
               as coordinator_has_shards
      from pg_dist_node where noderole = 'primary'"""
_SESSIONS = """
    select distinct a.usename from pg_stat_activity a
      join pg_roles l on l.rolname = a.usename
      join pg_auth_members m on m.member = l.oid and m.inherit_option
      join pg_roles r on r.oid = m.roleid
     where a.datname = current_database() and a.backend_type = 'client backend'
       and r.rolname = any($1) order by 1"""
