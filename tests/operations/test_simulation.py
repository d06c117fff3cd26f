"""The simulated fleet: its plan, its memory, and its patience with a server that is away."""

import ast
import asyncio
import json
import os
import stat
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx
import pytest

from partner_api.kernel.ids import parse_client_id
from partner_api.kernel.text import is_clean
from partner_api.operations import simulation
from partner_api.operations.simulation.answers import Data, Enrolled
from partner_api.operations.simulation.client import MOST_IN_FLIGHT, Client, Refused
from partner_api.operations.simulation.device import Device
from partner_api.operations.simulation.fleet import CURRENT, OLD, Kind, Plan, plan_fleet
from partner_api.operations.simulation.partner import Partner
from partner_api.operations.simulation.state import DeviceState, State, StateFile
from partner_api.operations.simulation.tokens import Token, TokenSource
from tests.clock import StoppedClock

Handler = Callable[[httpx.Request], httpx.Response]

ENROLLED = {"data": {"deviceToken": "new"}}
CHECKED_IN = {"data": {"accepted": 1, "checkInIntervalSeconds": 240}}


class Pauses:
    """Sleeps not at all, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Server:
    """Answers with one prepared answer after the other, the last one for ever; keeps what it got.

    An answer is a response, an error of the connection, or what makes a response of a request.
    """

    def __init__(self, *answers: httpx.Response | Exception | Handler) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def tokens(self) -> list[str]:
        return [request.headers["Authorization"].split()[1] for request in self.requests]


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def connect(pauses: Pauses) -> Callable[..., Client]:
    def connect(server: Handler) -> Client:
        http = httpx.AsyncClient(
            base_url="http://fleet.example", transport=httpx.MockTransport(server)
        )
        return Client(http, Random(1), pauses)

    return connect


def source(clock: StoppedClock, *texts: str, lifetime: timedelta | None = None) -> TokenSource:
    left = list(texts)

    async def issue() -> Token:
        await asyncio.sleep(0)
        return Token(left.pop(0), clock.now() + lifetime if lifetime else None)

    return TokenSource(issue, clock)


def refusal(status: int, message: str = "No.") -> httpx.Response:
    return httpx.Response(status, json={"error": "Some Phrase", "message": message})


class TestPlan:
    def test_sixty_devices_have_every_kind_in_its_share(self) -> None:
        kinds = Counter(device.kind for device in plan_fleet(Plan(devices=60)).devices)
        assert kinds == {
            Kind.REGULAR: 36,
            Kind.OUTDATED: 6,
            Kind.IDLE: 5,
            Kind.LATE: 4,
            Kind.CRITICAL: 4,
            Kind.NEVER_SEEN: 5,
        }

    def test_twenty_devices_have_every_kind_too(self) -> None:
        assert {device.kind for device in plan_fleet(Plan(devices=20)).devices} == set(Kind)

    def test_equal_plans_make_equal_fleets(self) -> None:
        assert plan_fleet(Plan(seed=7)) == plan_fleet(Plan(seed=7))

    def test_fleets_of_different_seeds_share_no_device(self) -> None:
        one, other = (plan_fleet(Plan(seed=seed)).devices for seed in (1, 2))
        assert {d.client_id for d in one}.isdisjoint(d.client_id for d in other)

    def test_more_devices_leave_the_first_ones_as_they_are(self) -> None:
        assert plan_fleet(Plan(devices=90)).devices[:60] == plan_fleet(Plan(devices=60)).devices

    def test_a_device_of_another_organization_is_another_device(self) -> None:
        few, many = (plan_fleet(Plan(organizations=number)).devices for number in (2, 7))
        homes = {device.client_id: device.organization for device in few}
        assert all(homes.get(d.client_id, d.organization) == d.organization for d in many)

    @pytest.mark.parametrize("devices", [60, 2000])
    def test_every_device_has_ids_of_its_own(self, devices: int) -> None:
        fleet = plan_fleet(Plan(devices=devices)).devices
        assert all(parse_client_id(device.client_id) for device in fleet)
        assert len({device.client_id for device in fleet}) == devices
        assert len({device.asset_id for device in fleet}) == devices
        assert len({device.facts["serialNumber"] for device in fleet}) == devices

    def test_facts_are_such_as_a_server_takes(self) -> None:
        values = [v for device in plan_fleet(Plan()).devices for v in device.facts.values()]
        assert all(is_clean(value) and 1 <= len(value) <= 100 for value in values)

    def test_only_outdated_devices_run_the_old_version(self) -> None:
        for device in plan_fleet(Plan()).devices:
            expected = OLD if device.kind is Kind.OUTDATED else CURRENT
            assert device.facts["currentVersion"] == expected

    def test_organizations_differ_in_health(self) -> None:
        fleet = plan_fleet(Plan())
        kinds = {
            name: {device.kind for device in fleet.devices if device.organization == name}
            for name in fleet.organizations
        }
        lost = {Kind.CRITICAL, Kind.NEVER_SEEN}
        assert [bool(kinds[name] & lost) for name in fleet.organizations] == [
            True,
            True,
            False,
            False,
        ]
        assert kinds["Lakeside Dental"] >= {Kind.OUTDATED, Kind.LATE}
        assert kinds["Harbor Logistics"] == {Kind.REGULAR, Kind.IDLE}

    def test_one_organization_holds_every_device(self) -> None:
        devices = plan_fleet(Plan(organizations=1)).devices
        assert {device.organization for device in devices} == {"Acme Corp"}

    def test_names_of_organizations_do_not_run_out(self) -> None:
        names = plan_fleet(Plan(devices=0, organizations=500)).organizations
        assert len(set(names)) == 500
        assert all(2 <= len(name) <= 100 for name in names)


class TestStateFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "demo" / "fleet.json"

    @pytest.fixture
    def state(self) -> State:
        return State("msp_1", "nwx_ci_1", {"A": DeviceState("secret", 7)})

    def test_load_gives_back_what_was_saved(self, path: Path, state: State) -> None:
        StateFile(path).save(state)
        assert StateFile(path).load("msp_1", "nwx_ci_1") == state

    @pytest.mark.parametrize("owner", [("msp_2", "nwx_ci_1"), ("msp_1", "nwx_ci_2")])
    def test_load_forgets_the_state_of_another(
        self, path: Path, state: State, owner: tuple[str, str]
    ) -> None:
        StateFile(path).save(state)
        assert StateFile(path).load(*owner) == State(*owner)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"mspId": 1}', b"\xff"])
    def test_load_forgets_what_it_cannot_read(self, path: Path, content: bytes) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        assert StateFile(path).load("msp_1", "nwx_ci_1") == State("msp_1", "nwx_ci_1")

    def test_save_keeps_others_from_reading(self, path: Path, state: State) -> None:
        path.parent.mkdir()
        path.touch(mode=0o644)
        before = os.umask(0)
        try:
            StateFile(path).save(state)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]

    def test_save_cut_short_leaves_the_old_state(
        self, path: Path, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = StateFile(path)
        file.save(state)
        monkeypatch.setattr(Path, "replace", _cut_short)
        with pytest.raises(OSError, match="cut short"):
            file.save(State("msp_1", "nwx_ci_1"))
        assert StateFile(path).load("msp_1", "nwx_ci_1") == state

    def test_save_writes_nothing_when_nothing_changed(self, path: Path, state: State) -> None:
        file = StateFile(path)
        file.save(state)
        written = path.stat().st_ino
        file.save(state)
        assert path.stat().st_ino == written


def _cut_short(*_: object) -> None:
    raise OSError("cut short")


class TestTokens:
    async def test_callers_at_once_share_one_token(self, clock: StoppedClock) -> None:
        tokens = source(clock, "first", "second")
        assert await asyncio.gather(*(tokens.get() for _ in range(5))) == ["first"] * 5

    async def test_a_token_is_renewed_before_it_expires(self, clock: StoppedClock) -> None:
        tokens = source(clock, "first", "second", lifetime=timedelta(hours=1))
        assert await tokens.get() == "first"
        clock.advance(minutes=58)
        assert await tokens.get() == "first"
        clock.advance(minutes=1)
        assert await tokens.get() == "second"

    async def test_forgetting_an_old_token_keeps_the_new_one(self, clock: StoppedClock) -> None:
        tokens = source(clock, "first", "second", "third")
        tokens.forget(await tokens.get())
        assert await tokens.get() == "second"
        tokens.forget("first")
        assert await tokens.get() == "second"


class TestClient:
    async def test_readiness_is_awaited(
        self, connect: Callable[..., Client], pauses: Pauses
    ) -> None:
        server = Server(httpx.ConnectError("away"), refusal(503), refusal(404), httpx.Response(200))
        await connect(server).wait_until_ready()
        assert [request.url.path for request in server.requests] == ["/readyz"] * 4
        assert len(pauses.seconds) == 3

    async def test_a_request_outlasts_the_servers_absence(
        self, connect: Callable[..., Client]
    ) -> None:
        broken = (httpx.ConnectError("away"), httpx.ReadTimeout("slow"))
        away = (refusal(503), refusal(500))
        client = connect(Server(*broken * 3, *away * 3, httpx.Response(200, json=ENROLLED)))
        answer = await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
        assert answer.data.device_token == "new"
        assert client.tally.failures == 12

    async def test_pauses_grow_with_jitter_up_to_a_limit(
        self, connect: Callable[..., Client], pauses: Pauses
    ) -> None:
        away = [httpx.ConnectError("away")] * 9
        client = connect(Server(*away, httpx.Response(200, json=ENROLLED)))
        await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
        limits = [0.5, 1, 2, 4, 8, 15, 15, 15, 15]
        assert all(
            limit / 2 <= pause <= limit for pause, limit in zip(pauses.seconds, limits, strict=True)
        )
        assert len(set(pauses.seconds)) == 9

    async def test_the_pause_a_server_asks_for_is_kept(
        self, connect: Callable[..., Client], pauses: Pauses
    ) -> None:
        busy = httpx.Response(503, headers={"Retry-After": "30"})
        client = connect(Server(busy, httpx.Response(200, json=ENROLLED)))
        await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
        assert 30 < pauses.seconds[0] <= 30.5

    async def test_every_attempt_is_made_anew(self, connect: Callable[..., Client]) -> None:
        server = Server(httpx.ConnectError("away"), httpx.Response(200, json=ENROLLED))
        client = connect(server)
        attempts = iter([1, 2])
        await client.ask(
            lambda: client.request("POST", "/x", json={"attempt": next(attempts)}), Data[Enrolled]
        )
        assert server.bodies == [{"attempt": 1}, {"attempt": 2}]

    async def test_a_refusal_is_told_at_once(
        self, connect: Callable[..., Client], pauses: Pauses
    ) -> None:
        client = connect(Server(refusal(409, "It is elsewhere.")))
        with pytest.raises(Refused, match=r"GET /x was answered 409: It is elsewhere\.") as caught:
            await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
        assert caught.value.status == 409
        assert not pauses.seconds

    async def test_a_refusal_in_another_shape_is_told_by_its_status(
        self, connect: Callable[..., Client]
    ) -> None:
        client = connect(Server(httpx.Response(404, text="<html>")))
        with pytest.raises(Refused, match="404: Not Found"):
            await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])

    async def test_a_token_that_is_refused_is_renewed_once(
        self, connect: Callable[..., Client], clock: StoppedClock
    ) -> None:
        server = Server(refusal(401), httpx.Response(200, json=ENROLLED))
        client = connect(server)
        tokens = source(clock, "old", "fresh")
        await client.ask_as(
            tokens, lambda token: client.request("GET", "/x", token), Data[Enrolled]
        )
        assert server.tokens == ["old", "fresh"]

    async def test_a_renewed_token_that_is_refused_is_a_refusal(
        self, connect: Callable[..., Client], clock: StoppedClock
    ) -> None:
        client = connect(Server(refusal(401)))
        tokens = source(clock, "old", "fresh")
        with pytest.raises(Refused, match="401"):
            await client.ask_as(
                tokens, lambda token: client.request("GET", "/x", token), Data[Enrolled]
            )

    async def test_requests_in_flight_are_bounded(self) -> None:
        in_flight, most = 0, 0

        async def answer(_request: httpx.Request) -> httpx.Response:
            nonlocal in_flight, most
            in_flight += 1
            most = max(most, in_flight)
            await asyncio.sleep(0)
            in_flight -= 1
            return httpx.Response(200, json=ENROLLED)

        http = httpx.AsyncClient(
            base_url="http://fleet.example", transport=httpx.MockTransport(answer)
        )
        client = Client(http, Random(1))
        await asyncio.gather(
            *(client.ask(lambda: client.request("GET", "/x"), Data[Enrolled]) for _ in range(70))
        )
        assert most == MOST_IN_FLIGHT


class TestPartner:
    async def test_only_missing_organizations_are_made(
        self, connect: Callable[..., Client], clock: StoppedClock
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
    return {"name": name, "orgId": org_id, "mspId": "msp_1"}


class TestDevice:
    @pytest.fixture
    def state(self) -> State:
        return State("msp_1", "nwx_ci_1")

    @pytest.fixture
    def make_device(
        self, connect: Callable[..., Client], clock: StoppedClock, state: State
    ) -> Callable[..., Device]:
        def make_device(server: Handler) -> Device:
            planned = plan_fleet(Plan(devices=1)).devices[0]
            state.devices[planned.client_id] = DeviceState("old", 70)
            return Device(planned, source(clock, "permit"), state, connect(server), clock)

        return make_device

    async def test_a_known_device_goes_on_without_enrolling(
        self, make_device: Callable[..., Device], clock: StoppedClock
    ) -> None:
        server = Server(httpx.Response(200, json=CHECKED_IN))
        device = make_device(server)
        await device.ensure_enrolled()
        assert await device.report({}, clock.now()) == 240
        assert server.tokens == ["old"]

    async def test_an_attempt_repeats_its_sequence_number_with_the_present_time(
        self, make_device: Callable[..., Device], clock: StoppedClock
    ) -> None:
        def fail(_request: httpx.Request) -> httpx.Response:
            clock.advance(seconds=5)
            raise httpx.ConnectError("away")

        server = Server(fail, httpx.Response(200, json=CHECKED_IN))
        await make_device(server).report({}, clock.now())
        first, second = server.bodies
        assert first["sequence"] == second["sequence"] == 70
        assert first["observedAt"] == second["observedAt"] == first["sentAt"]
        assert first["sentAt"] != second["sentAt"]

    async def test_a_device_whose_token_is_refused_enrolls_again_and_counts_on(
        self, make_device: Callable[..., Device], clock: StoppedClock, state: State
    ) -> None:
        server = Server(
            refusal(401),
            httpx.Response(200, json=ENROLLED),
            httpx.Response(200, json=CHECKED_IN),
        )
        device = make_device(server)
        await device.report({}, clock.now())
        await device.report({}, clock.now())
        assert server.tokens == ["old", "permit", "new", "new"]
        assert [body.get("sequence") for body in server.bodies] == [70, None, 70, 71]
        assert state.devices == {device.planned.client_id: DeviceState("new", 72)}

    async def test_a_refused_check_in_is_not_the_end(
        self, make_device: Callable[..., Device], clock: StoppedClock
    ) -> None:
        assert await make_device(Server(refusal(400))).report({}, clock.now()) == 60


def test_the_fleet_is_a_stranger_to_the_server() -> None:
    ours = ("partner_api.kernel.", simulation.__name__)
    for module in Path(*simulation.__path__).glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("partner_api"):
                assert (node.module or "").startswith(ours), module
