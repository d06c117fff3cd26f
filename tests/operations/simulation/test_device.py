"""One device and a server that answers from a script."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import httpx
import pytest

from partner_api.kernel.timestamps import parse_timestamp
from partner_api.operations.simulation.client import Client
from partner_api.operations.simulation.device import Device
from partner_api.operations.simulation.fleet import Plan, plan_fleet
from partner_api.operations.simulation.mix import Kind
from partner_api.operations.simulation.network import Network
from partner_api.operations.simulation.state import DeviceState, State
from tests.clock import StoppedClock
from tests.operations.simulation.support import (
    CHECKED_IN,
    ENROLLED,
    Handler,
    Server,
    refusal,
    source,
)

MakeDevice = Callable[..., Device]


class Middling(Random):
    """Draws nothing rare: no logs, and facts only when they must be stated."""

    def random(self) -> float:
        return 0.5


def always() -> Server:
    return Server(httpx.Response(200, json=CHECKED_IN))


def at(body: dict[str, object], name: str) -> datetime:
    instant = parse_timestamp(str(body[name]))
    assert instant is not None
    return instant


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def make_device(connect: Callable[..., Client], clock: StoppedClock, state: State) -> MakeDevice:
    def make_device(server: Handler, kind: Kind = Kind.REGULAR) -> Device:
        planned = replace(plan_fleet(Plan(devices=1)).devices[0], kind=kind)
        state.devices[planned.client_id] = DeviceState("old", 70)
        return Device(planned, source(clock, "permit"), state, connect(server), clock, Middling())

    return make_device


async def test_a_known_device_goes_on_without_enrolling(make_device: MakeDevice) -> None:
    server = always()
    device = make_device(server)
    await device.ensure_enrolled()
    assert await device.take_turn() == 240
    assert server.tokens == ["old"]


async def test_facts_are_stated_at_first(make_device: MakeDevice) -> None:
    server = always()
    device = make_device(server)
    await device.take_turn()
    await device.take_turn()
    first, second = server.bodies
    assert first.items() >= device.planned.facts.items()
    assert "interfaces" in first
    assert set(second) == {"sequence", "observedAt", "sentAt", "network", "metrics"}


@pytest.mark.parametrize("kind", [Kind.REGULAR, Kind.LATE])
async def test_what_was_measured_is_what_the_instant_makes_it(
    make_device: MakeDevice, kind: Kind
) -> None:
    server = always()
    device = make_device(server, kind)
    await device.take_turn()
    (body,) = server.bodies
    network, observed_at = Network(device.planned), at(body, "observedAt")
    assert body["network"] == network.report(observed_at)
    assert body["metrics"] == network.metrics(observed_at)


async def test_an_organization_that_is_cut_off_is_silent_until_it_is_not(
    make_device: MakeDevice, clock: StoppedClock
) -> None:
    server = always()
    device = make_device(server, Kind.OUTAGE)
    network = Network(device.planned)
    for _ in range(60):
        before = len(server.requests)
        assert await device.take_turn() is not None
        assert len(server.requests) - before == (not network.is_out(clock.now()))
        clock.advance(minutes=1)
    assert len(server.requests) == 40


async def test_a_version_is_stated_when_it_is_another(
    make_device: MakeDevice, clock: StoppedClock
) -> None:
    server = always()
    device = make_device(server, Kind.VERSION_WAVE)
    for _ in range(61):
        await device.take_turn()
        clock.advance(minutes=1)
    stated = [str(body["currentVersion"]) for body in server.bodies if "currentVersion" in body]
    assert len(stated) == 2
    assert stated[0] < stated[1]


async def test_an_attempt_repeats_its_sequence_number_with_the_present_time(
    make_device: MakeDevice, clock: StoppedClock
) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        clock.advance(seconds=5)
        raise httpx.ConnectError("away")

    server = Server(fail, httpx.Response(200, json=CHECKED_IN))
    await make_device(server).take_turn()
    first, second = server.bodies
    assert first["sequence"] == second["sequence"] == 70
    assert first["observedAt"] == second["observedAt"] == first["sentAt"]
    assert first["sentAt"] != second["sentAt"]


async def test_a_device_whose_token_is_refused_enrolls_again_and_counts_on(
    make_device: MakeDevice, state: State
) -> None:
    server = Server(
        refusal(401),
        httpx.Response(200, json=ENROLLED),
        httpx.Response(200, json=CHECKED_IN),
    )
    device = make_device(server)
    await device.take_turn()
    await device.take_turn()
    assert server.tokens == ["old", "permit", "new", "new"]
    assert [body.get("sequence") for body in server.bodies] == [70, None, 70, 71]
    assert state.devices == {device.planned.client_id: DeviceState("new", 72)}


async def test_a_refused_check_in_is_not_the_end(make_device: MakeDevice) -> None:
    assert await make_device(Server(refusal(400))).take_turn() == 60


@pytest.mark.parametrize(
    ("kind", "age"),
    [
        (Kind.IDLE, timedelta(minutes=20)),
        (Kind.AWAY, timedelta(hours=3)),
        (Kind.SILENT, timedelta(hours=30)),
    ],
)
async def test_a_device_that_fell_silent_checks_in_once_as_of_then(
    make_device: MakeDevice, clock: StoppedClock, kind: Kind, age: timedelta
) -> None:
    server = always()
    assert await make_device(server, kind).take_turn() is None
    (body,) = server.bodies
    assert at(body, "observedAt") == clock.now() - age
    assert at(body, "sentAt") == clock.now()


async def test_a_device_never_seen_says_nothing(make_device: MakeDevice) -> None:
    server = always()
    assert await make_device(server, Kind.NEVER_SEEN).take_turn() is None
    assert not server.requests


async def test_a_late_device_goes_on_with_old_check_ins(
    make_device: MakeDevice, clock: StoppedClock
) -> None:
    server = always()
    assert await make_device(server, Kind.LATE).take_turn() == 240
    (body,) = server.bodies
    assert at(body, "observedAt") == at(body, "sentAt") - timedelta(minutes=10)
    assert at(body, "sentAt") == clock.now()


async def test_a_wrong_clock_is_wrong_about_everything(
    make_device: MakeDevice, clock: StoppedClock
) -> None:
    server = always()
    await make_device(server, Kind.CLOCK_SKEW).take_turn()
    (body,) = server.bodies
    assert at(body, "observedAt") == at(body, "sentAt") == clock.now() - timedelta(hours=2)


async def test_a_duplicate_says_the_same_in_its_next_turn(
    make_device: MakeDevice, clock: StoppedClock
) -> None:
    server = always()
    device = make_device(server, Kind.DUPLICATE)
    for _ in range(4):
        await device.take_turn()
        clock.advance(seconds=10)
    said = [(body["sequence"], body["observedAt"]) for body in server.bodies]
    assert said[0] == said[1] != said[2] == said[3]
    assert server.bodies[0]["sentAt"] != server.bodies[1]["sentAt"]


async def test_a_reordered_check_in_comes_after_the_one_that_followed_it(
    make_device: MakeDevice, clock: StoppedClock
) -> None:
    server = always()
    device = make_device(server, Kind.REORDERED)
    for _ in range(4):
        await device.take_turn()
        clock.advance(seconds=10)
    assert [body["sequence"] for body in server.bodies] == [71, 70, 73, 72]
    first, second = server.bodies[:2]
    assert at(second, "observedAt") < at(first, "observedAt")


async def test_what_the_server_answers_is_counted(make_device: MakeDevice) -> None:
    again = {"data": {"accepted": 0, "duplicates": 1, "checkInIntervalSeconds": 240}}
    device = make_device(
        Server(
            httpx.Response(200, json=CHECKED_IN),
            httpx.Response(200, json=again),
            refusal(503),
            httpx.Response(200, json=CHECKED_IN),
            refusal(400),
        )
    )
    for _ in range(4):
        await device.take_turn()
    tally = device._client.tally
    assert (tally.sent, tally.accepted, tally.duplicates, tally.errors) == (4, 2, 1, 2)
