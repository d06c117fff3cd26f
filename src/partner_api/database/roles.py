"""Who may do what in the database.

Five roles that cannot log in hold every right; the operator's logins are members of one each:

    fleet_api         one tenant, bound by a setting: enrollment, edits, deletions, all reads
    fleet_ingest      no table at all: executes the ingest functions
    fleet_worker      what its loops need
    fleet_functions   owns the functions that see more than one tenant
    fleet_partitions  owns partitioned tables, and the function that makes and drops partitions

Membership is inherited and cannot be assumed (`SET FALSE`), so no login can become another, and
none has BYPASSRLS. The owner's login makes the roles and runs the migrations.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.config import Databases
from partner_api.kernel.errors import Misconfigured

MINIMUM_VERSION = 18


class Role(StrEnum):
    """The roles that hold rights."""

    API = "fleet_api"
    INGEST = "fleet_ingest"
    WORKER = "fleet_worker"
    FUNCTIONS = "fleet_functions"
    PARTITIONS = "fleet_partitions"


@dataclass(frozen=True)
class Login:
    """One of the operator's logins: its name, password and the role it is a member of."""

    name: str
    password: str | None
    role: Role

    @classmethod
    def from_url(cls, url: str, role: Role) -> "Login":
        """The login a database URL names."""
        parts = urlsplit(url)
        if not parts.username:
            raise Misconfigured(f"the database URL for {role} names no user")
        password = unquote(parts.password) if parts.password else None
        return cls(unquote(parts.username), password, role)


def logins_of(databases: Databases) -> Sequence[Login]:
    """The three logins that serve traffic."""
    return (
        Login.from_url(databases.api, Role.API),
        Login.from_url(databases.ingest, Role.INGEST),
        Login.from_url(databases.worker, Role.WORKER),
    )


async def ensure_roles(owner: asyncpg.Connection) -> None:
    """Make the roles that are missing and let the owner act for the two that own things.

    Misconfigured when the owner may not, because another owner of the same PostgreSQL made them.
    """
    try:
        for role in Role:
            if not await owner.fetchval(_ROLE_EXISTS, role):
                await owner.execute(f"create role {role} nologin")
        if not await owner.fetchval("select rolsuper from pg_roles where rolname = current_user"):
            for role in (Role.FUNCTIONS, Role.PARTITIONS):
                await owner.execute(f"grant {role} to current_user with set true, inherit true")
    except asyncpg.InsufficientPrivilegeError as error:
        raise Misconfigured(
            "the login of PARTNER_API_OWNER_URL may not make or grant the roles it needs "
            f"({error}). It needs CREATEROLE; where another installation on the same PostgreSQL "
            f"made them, a superuser has to grant {', '.join(Role)} to it with admin option"
        ) from error


async def ensure_logins(owner: asyncpg.Connection, logins: Sequence[Login]) -> None:
    """Make or update each login as its URL names it; Misconfigured when two share a name."""
    if len({login.name for login in logins}) < len(logins):
        raise Misconfigured("the API's, ingest's and worker's database URLs need a user name each")
    # Roles are the whole cluster's; whoever else lives on it must not come in through PUBLIC.
    await _execute(owner, "revoke all on database %I from public", await _database(owner), None)
    for login in logins:
        await _ensure_login(owner, login)


async def check_login(connection: asyncpg.Connection | PoolConnectionProxy, role: Role) -> None:
    """Refuse a login that could see more than its role; Misconfigured says why.

    Looks at what would fail silently later: a superuser or a role with BYPASSRLS walks past every
    policy, an owner may switch policies off, a member of two roles sees the sum of both.
    """
    if connection.get_server_version().major < MINIMUM_VERSION:
        raise Misconfigured(
            f"PostgreSQL {MINIMUM_VERSION} or newer is needed; this server is older"
        )
    row = await connection.fetchrow(_FLAWS, role)
    assert row is not None
    name, *flaws = row
    for flaw, present in zip(_FLAW_NAMES, flaws, strict=True):
        if present:
            raise Misconfigured(
                f"the database login {name!r} {flaw}. Give it a name of its own in the "
                "PARTNER_API_*_URL settings and run: partner-api db upgrade"
            )


_ROLE_EXISTS = "select exists (select from pg_roles where rolname = $1)"
_FLAW_NAMES = (
    "is a superuser or has BYPASSRLS, so row-level security would not bind it",
    "may create roles or databases",
    "owns tables",
    "is a member of roles it must not have",
    "is not a member of its role",
)
_FLAWS = """
select current_user,
       r.rolsuper or r.rolbypassrls,
       r.rolcreaterole or r.rolcreatedb,
       exists (select from pg_class c where c.relowner = r.oid and c.relkind in ('r', 'p')),
       exists (select from pg_roles other
               where other.rolname not in (current_user, $1)
                 and pg_has_role(current_user, other.oid, 'member')),
       not coalesce((select pg_has_role(current_user, oid, 'usage')
                     from pg_roles where rolname = $1), false)
from pg_roles r where r.rolname = current_user
"""


async def _ensure_login(owner: asyncpg.Connection, login: Login) -> None:
    exists = await owner.fetchval(_ROLE_EXISTS, login.name)
    verb = "alter" if exists else "create"
    password = "" if login.password is None else " password %L"
    verifier = None if login.password is None else scram_verifier(login.password)
    await _execute(owner, f"{verb} role %I login{password}", login.name, verifier)
    await _execute(
        owner, f"grant {login.role} to %I with inherit true, set false", login.name, None
    )
    await _execute(
        owner, "grant connect on database %2$I to %1$I", login.name, await _database(owner)
    )


def scram_verifier(password: str) -> str:
    """What Postgres stores for a password (RFC 5802), so that no server log ever shows it."""
    salt, rounds = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"


async def _database(owner: asyncpg.Connection) -> str:
    name: str = await owner.fetchval("select current_database()")
    return name


async def _execute(
    owner: asyncpg.Connection, template: str, name: str, argument: str | None
) -> None:
    # Role statements take no bind parameters: Postgres itself quotes the names into the text.
    statement = await owner.fetchval(
        "select format($1, $2::text, $3::text)", template, name, argument
    )
    await owner.execute(statement)
