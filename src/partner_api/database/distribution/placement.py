"""Where each table goes: to every node, cut by tenant, or nowhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Final

from partner_api.database.distribution.catalog import Table
from partner_api.kernel.errors import Misconfigured

ROOT: Final = "organizations"
"""Distributed first; every other tenant's table lies beside it."""

# Read in the statements of every tenant, written by the operator and the worker.
REFERENCE: Final = frozenset({"msps", "releases", "server_presence"})
# Asked of the coordinator alone: the schema's revision, and how far the sweep has come.
LOCAL: Final = frozenset({"alembic_version", "sweep_watermark"})


@dataclass(frozen=True)
class Placement:
    """Names of tables, each list in the order to work it off."""

    reference: Sequence[str]
    distributed: Sequence[str]


def place(tables: Iterable[Table]) -> Placement:
    """Where the tables go; Misconfigured for one that nobody has thought about."""
    tables = list(tables)
    tenants = {table.name for table in tables if table.has_tenant} - REFERENCE
    stray = {table.name for table in tables} - tenants - REFERENCE - LOCAL
    if stray:
        raise Misconfigured(
            f"nothing says where {', '.join(sorted(stray))} belongs: without msp_id a table has "
            "to be a reference table or the coordinator's own"
        )
    parents = {table.name: table.references & tenants for table in tables if table.name in tenants}
    return Placement(sorted(REFERENCE), _in_order(parents))


def _in_order(parents: dict[str, frozenset[str]]) -> Sequence[str]:
    """Referenced tables before those that refer to them, and the root before all."""
    if parents.get(ROOT):
        raise Misconfigured(f"{ROOT} refers to another tenant's table and cannot be first")
    everything = {name: others - {name} | ({ROOT} - {name}) for name, others in parents.items()}
    sorter = TopologicalSorter(everything)
    try:
        sorter.prepare()
    except CycleError as error:
        raise Misconfigured(f"tables refer to one another in a circle: {error.args[1]}") from error
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order.extend(ready)
        sorter.done(*ready)
    return order
