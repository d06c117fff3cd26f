"""A small fleet that does everything a fleet can do, at random, and truth beside it.

Samples come on time, late, repeated, several at once; devices move and go, and time goes on over
the bounds of hours and days, with the worker at random moments.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from random import Random
from typing import Any

import pytest

from partner_api.kernel.timestamps import format_timestamp, parse_timestamp
from partner_api.telemetry.digest import Digester
from partner_api.telemetry.moments import from_millis, to_millis
from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent, Tenant, post_enrollment
from tests.telemetry.truth import (
    DAY,
    HOUR,
    LENGTHS,
    MEASURES,
    MINUTE,
    Measured,
    Truth,
)

LATE_BY = (3 * MINUTE, 20 * MINUTE, 4 * HOUR, 7 * DAY - HOUR, 8 * DAY, 20 * DAY)
PERCENT = 0.02
WINDOWS = {
    "1h": (HOUR, 5 * MINUTE),
    "24h": (DAY, HOUR),
    "7d": (7 * DAY, DAY),
    "30d": (30 * DAY, DAY),
}
"""How long each is, and on which bounds it begins."""


@dataclass
class Device:
    """What the test knows of a device."""

    agent: Agent
    org_id: str
    life: int = 1
    since: int = 0
    """When its present life began; nothing it says afterwards is older, if it is a later one."""
    sequence: int = 0
    said: list[dict[str, Any]] = field(default_factory=list)
    moments: set[int] = field(default_factory=set)
    old_minutes: set[int] = field(default_factory=set)
    is_chatty: bool = False


class Drama:
    """One MSP's devices, with truth beside them."""

    def __init__(
        self, tenant: Tenant, truth: Truth, digester: Digester, clock: StoppedClock
    ) -> None:
        self.tenant = tenant
        self.truth = truth
        self.devices: list[Device] = []
        self.org_ids: list[str] = []
        self._digester = digester
        self._clock = clock
        self._random = Random()  # noqa: S311
        self._limits = count(1)

    @property
    def now(self) -> int:
        return to_millis(self._clock.now())

    async def begin(self, devices: int, seed: int) -> None:
        """Enroll devices of two organizations; the first of them says a lot."""
        self._random.seed(seed)
        # From midnight on: what a seed plays depends on nothing else.
        self._clock.advance(seconds=(DAY - self.now % DAY) / 1000)
        await self._renew_token()
        self.org_ids = [await self.tenant.create_organization(name) for name in ("One", "Two")]
        for n in range(devices):
            org_id = self.org_ids[n % 2]
            agent = await self.tenant.enroll(org_id)
            self.devices.append(Device(agent, org_id, is_chatty=n == 0))

    async def play_round(self) -> None:
        """Devices speak, the worker may work, time goes on."""
        await self.speak()
        if self._random.random() < 0.4:
            await self.digest()
        if self._random.random() < 0.15:
            await self._change(self._random.choice(self.devices[1:]))
        await self.go_on()

    async def speak(self) -> None:
        """Most devices say something."""
        for device in self.devices:
            if device.is_chatty or self._random.random() < 0.7:
                await self._speak(device)

    async def go_on(self) -> None:
        """Mostly minutes, at times hours; over a day in all."""
        seconds = self._random.choice((20, 60, 61.5, 240, 300, 900, 1800, 7200))
        self._clock.advance(seconds=seconds)
        await self._renew_token()

    async def digest(self) -> None:
        """Whatever waits."""
        while await self._digester.work():
            """There is more to do at once."""
        await self.settle()

    async def settle(self) -> None:
        """All that was posted is digested."""
        await self.truth.settle({d.agent.client_id: d.org_id for d in self.devices})

    async def _renew_token(self) -> None:
        self.tenant.token = (await self.tenant.request_token()).json()["access_token"]

    async def _speak(self, device: Device) -> None:
        if device.said and self._random.random() < 0.25:
            items = self._random.sample(device.said, min(3, len(device.said)))
            await self._post(device, items)
            return
        number = self._random.choice((1, 1, 1, 4))
        moments = {self._moment(device) for _ in range(number)}
        if device.is_chatty:
            moments |= {self.now - 2500 * n for n in range(30)}
        # A moment that was told of has been told of, whatever is said of it later.
        moments -= device.moments
        device.moments |= moments
        samples = [(at, self._measure()) for at in moments]
        self._random.shuffle(samples)
        if not samples:
            return
        await self.truth.add(device.agent.client_id, device.life, samples)
        items = [self._item(device, at, measured) for at, measured in samples]
        device.said += items
        await self._post(device, items)

    def _moment(self, device: Device) -> int:
        at = self.now
        if self._random.random() < 0.5:
            at -= self._random.choice(LATE_BY) + self._random.randrange(10 * MINUTE)
        if at < self.now - 6 * DAY:
            # Samples themselves are forgotten then, and a minute that is there counts as repeated.
            while at // MINUTE in device.old_minutes:
                at -= MINUTE
            device.old_minutes.add(at // MINUTE)
        return max(at, device.since)

    def _measure(self) -> Measured:
        random = self._random
        scale = random.choice((1, 1, 1, 6))
        whole = Measured(
            int(random.lognormvariate(10, 0.6) * scale),
            int(random.lognormvariate(8, 0.7) * scale),
            random.choice((0, 0, 0, 1500, 12_345)),
            int(random.lognormvariate(7, 0.4)),
            -random.randrange(30_000, 90_000),
        )
        return Measured(*(None if random.random() < 0.2 else value for value in whole))

    def _item(self, device: Device, at: int, measured: Measured) -> dict[str, Any]:
        # Of all moments the server is told as a wrong clock has them.
        wrong = self._random.choice((0, 0, -HOUR, 3 * DAY))
        units = [None if value is None else value / 1000 for value in measured]
        latency, jitter, loss, gateway, rssi = units
        network = {
            "interface": "wifi",
            "latencyMs": latency,
            "jitterMs": jitter,
            "packetLossPct": loss,
            "gateway": {"ip": "192.0.2.1", "mac": "00:00:5e:00:53:01", "responseMs": gateway},
            "wifi": {"rssiDbm": rssi},
        }
        metrics = {"load": self._random.random()}
        item = {"network": network, "metrics": metrics, "at": at, "wrong": wrong}
        if self._random.random() < 0.5:
            device.sequence += 1
            item["sequence"] = device.sequence
        return item

    async def _post(self, device: Device, items: Sequence[dict[str, Any]]) -> None:
        bodies = []
        for item in items:
            body: dict[str, Any] = {
                name: item[name] for name in ("network", "metrics", "sequence") if name in item
            }
            body["observedAt"] = format_timestamp(from_millis(item["at"] + item["wrong"]))
            body["sentAt"] = format_timestamp(from_millis(self.now + item["wrong"]))
            bodies.append(body)
        if self._random.random() < 0.3:
            relayed = [{"clientId": device.agent.client_id, **body} for body in bodies]
            answer = await self.tenant.post("/v1/check-ins", json={"checkIns": relayed})
        else:
            answer = await device.agent.post_check_in(checkIns=bodies)
        assert answer.status_code == 200, answer.text
        assert not answer.json()["data"].get("rejected"), answer.text

    async def _change(self, device: Device) -> None:
        await self.digest()
        path = f"/v1/devices/{device.agent.client_id}"
        if self._random.random() < 0.6:
            org_id = self.org_ids[device.org_id == self.org_ids[0]]
            answer = await self.tenant.patch(path, json={"orgId": org_id})
            assert answer.status_code == 200, answer.text
            device.org_id = org_id
            return
        assert (await self.tenant.delete(path)).status_code == 204
        token = await self.tenant.create_enrollment_token(device.org_id)
        client_id = device.agent.client_id
        again = await post_enrollment(self.tenant.http, token, clientId=client_id, **FACTS)
        assert again.status_code == 201, again.text
        device.agent.token = again.json()["data"]["deviceToken"]
        device.life, device.since, device.sequence = device.life + 1, self.now + 1, 0
        device.said = []

    async def compare(self) -> None:
        """Everything that may be asked."""
        await self.digest()
        for device in self.devices:
            await self._compare_quality(device)
            if device.life == 1:
                # What a deleted device said in its last hour went with it.
                await self._compare_raw(device)
                await self._compare_means(device)
        await self._compare_counters()
        for window in WINDOWS:
            await self._compare_percentiles(window)

    async def _get(self, path: str, **query: Any) -> Any:
        answer = await self.tenant.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _compare_quality(self, device: Device) -> None:
        shown = (await self._get(f"/v1/devices/{device.agent.client_id}"))["data"]
        expected = await self.truth.quality(device.agent.client_id, device.life, self._clock.now())
        if expected is None:
            assert "networkQuality" not in shown
            return
        medians = zip(("latencyMs", "jitterMs", "packetLossPct"), expected.medians, strict=True)
        assert shown["networkQuality"] == {
            "overall": expected.overall,
            "sampledAt": format_timestamp(expected.sampled_at),
            **{name: value / 1000 for name, value in medians if value is not None},
        }

    async def _history(self, device: Device, **query: Any) -> tuple[str, list[tuple[int, Any]]]:
        path = f"/v1/devices/{device.agent.client_id}/network-history"
        body = await self._get(path, **query)
        points = [(millis(point.pop("timestamp")), point) for point in body["data"]]
        return body["meta"]["resolution"], points

    async def _compare_raw(self, device: Device) -> None:
        until = self.now - self._random.choice((0, HOUR, 6 * DAY))
        for since in (until - HOUR, until - self._random.randrange(MINUTE, 3 * DAY)):
            expected = await self.truth.raw(
                device.agent.client_id, max(since, self.now - 7 * DAY), until
            )
            if len(expected) > 1000:
                continue
            query = {"from": written(since), "to": written(until), "resolution": "raw"}
            resolution, points = await self._history(device, **query)
            assert resolution == "raw"
            assert [at for at, _ in points] == [at for at, *_ in expected]
            for (_, point), (_, *values) in zip(points, expected, strict=True):
                assert point == {
                    name: value / 1000
                    for name, value in zip(MEASURES, values, strict=True)
                    if value is not None
                }

    async def _compare_means(self, device: Device) -> None:
        for resolution, length in LENGTHS.items():
            until = self.now - self._random.choice((0, HOUR, DAY, 8 * DAY, 20 * DAY))
            since = max(until - self._random.randrange(1, 900) * length, self.now - 29 * DAY)
            expected = await self.truth.means(device.agent.client_id, since, until, length)
            query = {"from": written(since), "to": written(until), "resolution": resolution}
            shown, points = await self._history(device, **query)
            assert shown == resolution
            assert [at for at, _ in points] == [at for at, *_ in expected]
            for (_, point), (_, *values) in zip(points, expected, strict=True):
                means = dict(zip(MEASURES, values, strict=True))
                assert set(point) == {name for name, value in means.items() if value is not None}
                for name, value in point.items():
                    assert abs(value - float(means[name]) / 1000) <= 0.0005 + 1e-9

    async def _compare_counters(self) -> None:
        expected = {org_id: Counter[str]() for org_id in self.org_ids}
        for device in self.devices:
            quality = await self.truth.quality(
                device.agent.client_id, device.life, self._clock.now()
            )
            expected[device.org_id][quality.overall if quality else "offline"] += 1
        for org in (await self._get("/v1/organizations"))["data"]:
            counts = org["stats"]["networkQuality"]
            counts.pop("overall")
            assert counts == {
                level: expected[org["orgId"]][level]
                for level in ("good", "degraded", "poor", "offline")
            }
            assert sum(counts.values()) == org["stats"]["total"]

    async def _compare_percentiles(self, window: str) -> None:
        # Another limit is another question: an answer serves all who ask the same for a while.
        query = {"window": window, "limit": 100 - next(self._limits) % 80}
        by_org = await self._get("/v1/analytics/network-quality", **query)
        length, bound = WINDOWS[window]
        since = (self.now - length) // bound * bound
        assert (by_org["meta"]["from"], by_org["meta"]["to"]) == (written(since), written(self.now))
        assert [group["orgId"] for group in by_org["data"]] == sorted(self.org_ids)
        for group in by_org["data"]:
            await self._compare_group(group, by_org["meta"], org_id=group["orgId"])
        await self._compare_group(by_org["meta"]["all"], by_org["meta"])
        by_device = await self._get("/v1/analytics/network-quality", groupBy="device", **query)
        known = {device.agent.client_id: device for device in self.devices}
        for group in by_device["data"]:
            device = known.pop(group["clientId"])
            assert group["orgId"] == device.org_id
            if device.life == 1:
                whose = {"client_id": group["clientId"]}
                await self._compare_group(group, by_device["meta"], **whose)
        for device in known.values():
            now = self._clock.now()
            assert await self.truth.quality(device.agent.client_id, device.life, now) is None

    async def _compare_group(self, group: Any, meta: Any, **whose: str) -> None:
        since, until = (from_millis(millis(meta[name])) for name in ("from", "to"))
        for name in ("latencyMs", "jitterMs", "packetLossPct"):
            number, exact = await self.truth.percentiles(MEASURES[name], since, until, **whose)
            assert group[name]["samples"] == number
            shown = [group[name].get(p) for p in ("p50", "p95", "p99")]
            if exact is None:
                assert shown == [None] * 3
                continue
            for value, thousandths in zip(shown, exact, strict=True):
                assert value == pytest.approx(thousandths / 1000, rel=PERCENT, abs=0.0005)


def written(at: int) -> str:
    return format_timestamp(from_millis(at))


def millis(text: str) -> int:
    instant = parse_timestamp(text)
    assert isinstance(instant, datetime)
    return to_millis(instant)
