"""The database functions that differ on shards.

`RESHAPED` take the place of those the migrations made. `OF_ONE_TENANT` come beside them: the same
functions for one MSP, whose id every table is compared with, so that a call goes to one shard.
They are made from the installed ones, which remain the only source.
"""

import re
from collections.abc import Sequence
from typing import Final

from partner_api.database.distribution.catalog import Connection, Function
from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.kernel.errors import Misconfigured

RESHAPED: Final = (
    "matching_devices",
    "number_events",
    "orphaned_webhooks",
    "record_changes",
    "record_check_ins",
    "record_outages",
    "search_devices",
    "sweep_pages",
    "unapplied_releases",
    "waiting_events",
    "waiting_tallies",
    "waiting_webhooks",
)
OF_ONE_TENANT: Final = (
    "check_in_calm",
    "check_in_folded",
    "check_in_lock",
    "check_in_stepping",
    "forget_hints",
    "log_group",
    "relay_check_ins",
    "sweep_devices",
)


CLOSE_TO_PUBLIC: Final = """
do $close$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid from pg_proc p
         where p.pronamespace = 'public'::regnamespace and not exists (
               select 1 from pg_depend d
                where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('revoke all on function %s from public', v_function);
    end loop;
end
$close$"""
"""Functions reach other nodes open to everybody, whatever they were where they came from."""


def reshaped(name: str) -> str:
    """The statement that gives a function the body it has on shards."""
    return sql_file(f"database/distribution/sql/{name}.1.sql")


def copied(function: Function) -> Sequence[str]:
    """What makes another node's copy the same, rights included."""
    is_reshaped = function.name in RESHAPED
    granted = f"grant execute on function {function.signature} to {', '.join(function.callers)}"
    return [
        reshaped(function.name) if is_reshaped else function.definition,
        f"alter function {function.signature} owner to {function.owner}",
        *([granted] if function.callers else []),
    ]


def of_one_tenant(definition: str) -> str:
    """The same function with a scalar `p_msp_id` in the place of the array `p_msp_ids`."""
    text = definition.replace("p_msp_ids uuid[]", "p_msp_id uuid")
    text = re.sub(r"(\bunnest\(\s*)p_msp_ids, ", r"\1", text)
    text = re.sub(r"(\bas i ?\(\s*)msp_id, ", r"\1", text)
    # Of `i` nothing is left to compare with; the others hold rows of tables already compared.
    text = re.sub(r"\b[cimow]\.msp_id\b", "p_msp_id", text)
    text = text.replace("any (p_msp_ids)", "p_msp_id")
    if text == definition or "p_msp_ids" in text:
        raise Misconfigured("a function of many tenants is no longer in the form this needs")
    return text


async def statements_of_one_tenant(connection: Connection) -> Sequence[str]:
    """What makes the functions of one tenant, with their owner and their one caller."""
    statements: list[str] = []
    for name in OF_ONE_TENANT:
        definition, arguments, caller = await connection.fetchval(_DEFINITION, name)
        signature = f"{name}({arguments.replace('uuid[]', 'uuid', 1)})"
        statements += [
            of_one_tenant(definition),
            f"alter function {signature} owner to {Role.FUNCTIONS}",
            f"revoke all on function {signature} from public",
            f"grant execute on function {signature} to {caller}",
        ]
    return statements


_DEFINITION = """
    select array[pg_get_functiondef(p.oid), oidvectortypes(p.proargtypes),
                 (select x.grantee::regrole::text from aclexplode(p.proacl) x
                   where x.grantee <> p.proowner)]
      from pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.proname = $1
       and p.proargtypes[0] = 'uuid[]'::regtype"""
