"""A fleet made by SQL in seconds: its rows, its tokens and its credential."""

import base64
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from partner_api.config import Databases
from partner_api.database.migrations import upgrade
from partner_api.identity.secrets import TokenKind, hash_secret, new_client_id, new_client_secret
from partner_api.ingest.parse import facts_digest
from partner_api.kernel.ids import ClientId, MspId, format_client_id, format_msp_id
from partner_api.tenancy.principal import DOCUMENTED_SCOPES, DevicePrincipal

INTERVAL_SECONDS = 240.0
FACTS = ("linux", "6.1", None, None, "1.0.5.42", None, None, None, None, None)
"""What every device says, and said the last time."""
BODY = b'{"currentVersion":"1.0.5.42","os":"linux","osVersion":"6.1"}'


@dataclass(frozen=True)
class Fleet:
    """One MSP with organizations and devices that a program can speak for.

    Everything of device `n` follows from `n` and the MSP, as the database computed it.
    """

    devices: int
    organizations: int
    resting: int = 0
    """How many of each hundred devices have been silent for hours or days."""
    silent_seconds: float = 0.0
    """How long all the others have been silent."""
    msp_id: MspId = field(default_factory=lambda: MspId(uuid4()))
    client_secret: str = field(default_factory=new_client_secret)
    credential: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "credential", new_client_id(self.msp_id))

    @property
    def msp(self) -> str:
        """The MSP's id as the API spells it."""
        return format_msp_id(self.msp_id)

    def client_id(self, n: int) -> ClientId:
        """Device n's id; ids are spread as random ones are."""
        name = f"{self.msp_id}/{n}".encode()
        return ClientId(UUID(bytes=hashlib.md5(name, usedforsecurity=False).digest()))

    def token(self, n: int) -> str:
        """Device n's token."""
        client_id = self.client_id(n)
        packed = self.msp_id.bytes + client_id.bytes + hashlib.sha256(client_id.bytes).digest()
        return TokenKind.DEVICE + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    def principal(self, n: int) -> DevicePrincipal:
        """What device n's token says."""
        return DevicePrincipal(self.msp_id, self.client_id(n), hash_secret(self.token(n)))

    def path(self, n: int) -> str:
        """Device n's place in the API."""
        return f"/v1/devices/{format_client_id(self.client_id(n))}"


async def prepare(databases: Databases) -> None:
    """Bring the database up to date."""
    await upgrade(databases, datetime.now(UTC))


async def fill(databases: Databases, fleet: Fleet) -> None:
    """Write the fleet's rows, as if everybody had been checking in until now."""
    started = time.monotonic()
    owner = await asyncpg.connect(databases.require_owner())
    try:
        await owner.execute(_MSP, fleet.msp_id)
        await owner.execute(
            _CREDENTIAL,
            fleet.msp_id,
            fleet.credential,
            hash_secret(fleet.client_secret),
            [str(scope) for scope in DOCUMENTED_SCOPES],
        )
        await owner.execute(_ORGANIZATIONS, fleet.msp_id, fleet.organizations)
        digest = facts_digest(FACTS)
        await owner.execute(_DEVICES, fleet.msp_id, fleet.devices, fleet.resting, digest)
        await owner.execute(_TEXTS, fleet.msp_id)
        for table in ("devices", "device_texts", "organizations"):
            await owner.execute(f"vacuum analyze {table}")
        # What remains takes about as long as a tenth of what was done.
        passed = 1.1 * (time.monotonic() - started) - fleet.silent_seconds
        for share in range(_SHARES):
            await owner.execute(_SHIFT, fleet.msp_id, timedelta(seconds=passed), share)
        await owner.execute(_SETTLE, fleet.msp_id)
        await owner.execute(_COUNT, fleet.msp_id)
    finally:
        await owner.close()


def every(fleet: Fleet, count: int) -> Sequence[int]:
    """So many of a fleet's devices, evenly taken, without those at rest."""
    awake = (n for n in range(fleet.devices) if n % 100 >= fleet.resting)
    step = max(1, fleet.devices // max(1, count))
    return [n for place, n in enumerate(awake) if place % step == 0][:count]


_MSP = "insert into msps (msp_id, name, created_at) values ($1, 'Bench', now())"
_CREDENTIAL = """
    insert into credentials (msp_id, client_id, secret_hash, scopes, enabled, created_at)
    values ($1, $2, $3, $4, true, now())"""
_ORGANIZATIONS = """
    with made as (
        insert into organizations (msp_id, org_id, name, name_sort, slug, created_at)
        select $1, gen_random_uuid(), 'o' || n, 'o' || n, 'o' || n, now()
          from generate_series(1, $2::integer) n
        returning msp_id, org_id
    )
    insert into organization_counters (msp_id, org_id) select msp_id, org_id from made"""
_DEVICES = r"""
    insert into devices
           (msp_id, client_id, org_id, enrollment_id, enrolled_at, token_hash, last_seen,
            check_in_count, sequence_window, facts_digest, facts_stated, os, os_version, arch,
            channel, current_version, version_sort, serial_number, asset_id, asset_sort,
            user_name, user_email, stage, is_current, stage_since)
    select $1::uuid, d.client_id, o.ids[1 + n % cardinality(o.ids)], gen_random_uuid(),
           now() - interval '60 days',
           sha256(convert_to('nwx_dt_' || translate(encode(
               uuid_send($1::uuid) || uuid_send(d.client_id) || sha256(uuid_send(d.client_id)),
               'base64'), E'+/=\n', '-_'), 'UTF8')),
           case when s.rests then now() - interval '2 hours' - interval '20 days' * random()
                else now() - interval '240 seconds' * (n::double precision / $2) end,
           1, 0, $4, 19,
           'linux', '6.1', 'x86_64', 'stable', '1.0.5.42', '1.0.5.42', 'SN-' || n, 'ASSET-' || n,
           '0asset-' || n, 'User ' || n, 'user' || n || '@example.com',
           0, true, now() - interval '30 days'
      from generate_series(0, $2::integer - 1) n
     cross join lateral (values (
         decode(md5($1::uuid::text || '/' || n), 'hex'))) as k (id)
     cross join lateral (values (encode(k.id, 'hex')::uuid)) as d (client_id)
     cross join lateral (values (n % 100 < $3::integer)) as s (rests),
           (select array_agg(org_id) as ids from organizations where msp_id = $1::uuid) o
     -- Who lies on a page together does not check in together.
     order by d.client_id"""
_TEXTS = """
    insert into device_texts (msp_id, client_id, text)
    select msp_id, client_id, search_text(asset_id, serial_number, user_name, user_email)
      from devices where msp_id = $1"""
# As many rows of a page at once as there is room for, lest the table be larger than a fleet's own.
_SHARES = 8
_SHIFT = f"""
    update devices set last_seen = last_seen + $2
     where msp_id = $1 and last_seen > now() - interval '1 hour'
       and get_byte(uuid_send(client_id), 15) % {_SHARES} = $3"""
_SETTLE = """
    update devices
       set stage = case when last_seen < now() - interval '1 day' then 3 else 2 end, is_out = true,
           stage_since = last_seen + interval '1 hour'
     where msp_id = $1 and last_seen < now() - interval '1 hour'"""
_COUNT = """
    update organization_counters k
       set streaming_current = c.streaming, offline_current = c.offline, lost_current = c.lost
      from (select org_id, count(*) filter (where stage = 0) as streaming,
                   count(*) filter (where stage = 2) as offline,
                   count(*) filter (where stage = 3) as lost
              from devices where msp_id = $1 group by org_id) c
     where k.msp_id = $1 and k.org_id = c.org_id"""
