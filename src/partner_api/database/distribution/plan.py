"""The statements that distribute a schema, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from partner_api.database.distribution.catalog import (
    OUR_TABLES,
    SERVING,
    Connection,
    placed_tables,
    read_column_grants,
    read_logins,
    read_memberships,
    read_shared_functions,
    read_tables,
)
from partner_api.database.distribution.functions import (
    CLOSE_TO_PUBLIC,
    RESHAPED,
    copied,
    reshaped,
    statements_of_one_tenant,
)
from partner_api.database.distribution.placement import LOCAL, ROOT, Placement, place
from partner_api.database.roles import Role

SESSION: Final = (
    # One connection to each node: what was changed over one is seen by the next statement.
    "set citus.multi_shard_modify_mode = 'sequential'",
    # Or else what refers to a reference table becomes one of its own kind, and stays undivided.
    "set citus.enable_local_reference_table_foreign_keys = off",
)

# As the ingest pool has them, for the same reason: rows are locked in the order they come.
PLANS: Final = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan")


@dataclass(frozen=True)
class Step:
    """One part of the work and its statements."""

    name: str
    statements: Sequence[str]


@dataclass(frozen=True)
class Plan:
    """Everything to be done on a database as it stands; what is done already is left out."""

    placement: Placement
    steps: Sequence[Step]


async def make_plan(connection: Connection, shards: int) -> Plan:
    """What is to be done; Misconfigured for a schema that cannot be placed."""
    placement = place(await read_tables(connection))
    placed = await placed_tables(connection)
    everything = [*placement.distributed, *placement.reference]
    steps = [
        Step(
            "reference tables",
            [
                f"select create_reference_table('{table}')"
                for table in placement.reference
                if table not in placed
            ],
        ),
        Step(
            "distributed tables",
            [_distribute(table, shards) for table in placement.distributed if table not in placed],
        ),
        # Of every table, placed today or by a run that was cut short: it finds nothing the second
        # time.
        Step(
            "rows left behind on the coordinator",
            [f"select truncate_local_data_after_distributing_table('{t}')" for t in everything],
        ),
        Step("rights on columns", await _column_grants(connection)),
        Step("functions", await _functions(connection)),
        # Last: placing a table makes its owner on other nodes what it is here.
        Step("roles on other nodes", await _roles(connection)),
        Step("settings of roles", await _settings(connection)),
    ]
    return Plan(placement, steps)


async def _roles(connection: Connection) -> Sequence[str]:
    database, owner = await connection.fetchval(_DATABASE_AND_OWNER)
    acting = [Role.FUNCTIONS, Role.PARTITIONS, *await read_logins(connection, *SERVING), owner]
    return [
        # Citus cannot pass on the options of a membership, so it must not try; `db upgrade` grants
        # as the owner.
        f"alter role {owner} set citus.enable_create_role_propagation = off",
        "set citus.enable_create_role_propagation = off",
        # A migration changes tables, rows and functions in one transaction.
        f"alter role {owner} set citus.multi_shard_modify_mode = 'sequential'",
        *(
            _on_workers(f"set citus.enable_create_role_propagation = off; {membership}")
            for membership in await read_memberships(connection)
        ),
        # One node speaks to another as the role whose statement it is. On the workers alone, and
        # without a password: whom the workers let in is in their pg_hba.conf.
        *(
            _on_workers(f"set citus.enable_alter_role_propagation = off; alter role {role} login")
            for role in (Role.FUNCTIONS, Role.PARTITIONS)
        ),
        f"revoke all on database {database} from public",
        f"grant connect on database {database} to {', '.join(acting)}",
    ]


def _distribute(table: str, shards: int) -> str:
    beside = f"'none', shard_count => {shards}" if table == ROOT else f"'{ROOT}'"
    return f"select create_distributed_table('{table}', 'msp_id', colocate_with => {beside})"


async def _column_grants(connection: Connection) -> Sequence[str]:
    """Rights on columns stay behind when a table is distributed; they are given shard by shard."""
    statements: list[str] = []
    for grant in await read_column_grants(connection):
        given = f"grant {grant.privilege} ({grant.columns}) on %s to {grant.grantee}"
        statements += [
            f"select * from run_command_on_placements('{grant.table}', $${given}$$)",
            _on_workers(given % grant.table),
        ]
    return statements


async def _functions(connection: Connection) -> Sequence[str]:
    shared = await read_shared_functions(connection, LOCAL)
    return [
        # By themselves these would reach the other nodes without their owners and rights.
        "set citus.enable_ddl_propagation = off",
        *(reshaped(name) for name in RESHAPED),
        *await statements_of_one_tenant(connection),
        "reset citus.enable_ddl_propagation",
        # With the types they need, and for nodes that are added later.
        *(f"select create_distributed_function('{function.signature}')" for function in shared),
        *(_on_workers(statement) for function in shared for statement in copied(function)),
        _on_workers(CLOSE_TO_PUBLIC),
    ]


async def _settings(connection: Connection) -> Sequence[str]:
    """Settings of the roles that statements on shards run as."""
    api = await read_logins(connection, Role.API)
    return [
        # Or each look at the catalogs asks of every relation whether it is a shard: looking up
        # types then takes seconds.
        *(
            f"alter role {login} set citus.override_table_visibility = off"
            for login in await read_logins(connection, *SERVING)
        ),
        # The policies read the tenant on the nodes, where SET LOCAL has to arrive.
        *(f"alter role {login} set citus.propagate_set_commands = 'local'" for login in api),
        # Functions called for the rows of one shard read and write beside that shard. Citus
        # forbids what it cannot check; see docs/distribution.md for why it is right here.
        *(
            f"alter role {role} set citus.allow_nested_distributed_execution = on"
            for role in (*api, Role.FUNCTIONS)
        ),
        *(f"alter role {Role.FUNCTIONS} set {plan} = off" for plan in PLANS),
    ]


def _on_workers(statement: str) -> str:
    alone = f"set citus.enable_ddl_propagation = off; {statement}"
    return f"select * from run_command_on_workers($on_workers${alone}$on_workers$)"


_DATABASE_AND_OWNER = f"""
    select array[quote_ident(current_database()), c.relowner::regrole::text]
      from ({OUR_TABLES}) c where c.relname = '{ROOT}'"""
