"""The customers the fleet belongs to."""

import json
from collections.abc import Callable

import httpx

from partner_api.operations.simulation.client import Client
from partner_api.operations.simulation.partner import Partner
from tests.clock import StoppedClock
from tests.operations.simulation.support import Server


async def test_only_missing_organizations_are_made(
    connect: Callable[..., Client], clock: StoppedClock
) -> None:
    server = Server(
        httpx.Response(200, json={"access_token": "access", "expires_in": 3600}),
        httpx.Response(
            200, json={"data": [_organization("B", "2")], "meta": {"nextCursor": "next"}}
        ),
        httpx.Response(200, json={"data": [_organization("B", "1")], "meta": {"total": 2}}),
        httpx.Response(201, json={"data": _organization("A", "3")}),
    )
    partner = Partner(connect(server), "nwx_ci_1", "nwx_cs_1", clock)
    organizations = await partner.ensure_organizations(["A", "B"])
    # Of two with one name, the older is it on every run.
    assert {name: found.org_id for name, found in organizations.items()} == {"A": "3", "B": "1"}
    assert [request.url.params.get("cursor") for request in server.requests[1:3]] == [
        None,
        "next",
    ]
    assert json.loads(server.requests[3].content) == {"name": "A"}


def _organization(name: str, org_id: str) -> dict[str, str]:
    return {"name": name, "orgId": org_id}
