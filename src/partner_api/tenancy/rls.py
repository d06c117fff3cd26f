"""What a migration calls so that Postgres itself enforces who sees a row."""

import re
from collections.abc import Sequence

from alembic import op

from partner_api.database.roles import Role

TENANT = "current_setting('app.msp_id')::uuid"
"""The tenant of the transaction; raises when none is bound, so that forgetting fails closed."""


def protect(table: str, *, api: str) -> None:
    """Force row-level security on a tenant table and grant the API role `api` on it, by name.

    The API role sees the bound tenant's rows; the owner, whom FORCE binds too, sees all, or
    backfills would do nothing without a word.
    """
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(
        f"create policy tenant on {table} to {Role.API} "
        f"using (msp_id = {TENANT}) with check (msp_id = {TENANT})"
    )
    op.execute(f"create policy owner on {table} to current_user using (true) with check (true)")
    op.execute(f"grant {api} on {table} to {Role.API}")


def open_to(role: Role, table: str, *, grants: str) -> None:
    """Let one role see every tenant's rows of one table; listed in the isolation test."""
    op.execute(
        f"create policy {role.removeprefix('fleet_')} on {table} to {role} "
        "using (true) with check (true)"
    )
    op.execute(f"grant {grants} on {table} to {role}")


def create_plain_function(source: str, *, executable_by: Sequence[Role]) -> None:
    """Create a function that sees what its caller sees, from its SQL file's text."""
    op.execute(source)
    _grant_execute(source, executable_by)


def create_function(source: str, *, owner: Role, executable_by: Role) -> None:
    """Create a SECURITY DEFINER function from its SQL file's text, executable by one role only."""
    op.execute(source)
    op.execute(f"alter function {_name(source)} owner to {owner}")
    _grant_execute(source, [executable_by])


def _grant_execute(source: str, roles: Sequence[Role]) -> None:
    op.execute(f"revoke all on function {_name(source)} from public")
    if roles:
        op.execute(f"grant execute on function {_name(source)} to {', '.join(roles)}")


def _name(source: str) -> str:
    named = re.search(r"^create function (\w+)", source, re.MULTILINE)
    assert named is not None
    return named[1]
