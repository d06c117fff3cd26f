"""Sixty wrong secrets slow the guesser, never lock the owner out."""

import asyncio
import time

import pytest

from partner_api.identity import guessing
from tests.factories.tenants import Tenant


async def test_sixty_guesses_wait_longer_and_longer_and_the_owner_does_not(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(guessing, "sleep", note)
    for n in range(60):
        wrong = await tenant.request_token(client_secret=f"nwx_cs_wrong{n}")
        assert wrong.status_code == 401
    assert waits == sorted(waits)
    assert waits[0] == 0
    assert waits[-1] == 3
    assert sum(waits) > 60

    started = time.monotonic()
    right = await tenant.request_token()
    assert right.status_code == 200
    assert time.monotonic() - started < 1
    assert len(waits) == 60


async def test_guesses_at_once_do_not_hold_up_the_owner(tenant: Tenant) -> None:
    wrong = [
        asyncio.create_task(tenant.request_token(client_secret=f"wrong{n}")) for n in range(40)
    ]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(2):
        assert (await tenant.request_token()).status_code == 200
    for task in wrong:
        task.cancel()
    await asyncio.gather(*wrong, return_exceptions=True)
