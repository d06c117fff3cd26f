import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, post_enrollment

MICROSECOND = timedelta(microseconds=1)
THIRTY_DAYS = timedelta(days=30)

BAD_ITEMS: list[tuple[Any, str]] = [
    ({"observedAt": "yesterday"}, "observedAt"),
    ({"observedAt": "2026-02-24T11:55:00"}, "observedAt"),
    ({"observedAt": "1970-01-01T00:00:00Z"}, "observedAt"),
    ({"observedAt": 1771934100}, "observedAt"),
    ({"observedAt": "2026-11-21T00:00:00Z", "sentAt": "soon"}, "sentAt"),
    ({"sequence": -1}, "sequence"),
    ({"sequence": 1.5}, "sequence"),
    ({"sequence": "1"}, "sequence"),
    ({"sequence": True}, "sequence"),
    ({"sequence": 2**63}, "sequence"),
    ({"sequence": 10**30}, ""),
    ({"os": ""}, "os"),
    ({"os": 5}, "os"),
    ({"osVersion": "x" * 101}, "osVersion"),
    ({"assetId": "A\u00001"}, "assetId"),
    ({"userName": "Ann\nBob"}, "userName"),
    ({"userName": "x" * 201}, "userName"),
    ({"userEmail": "x" * 321}, "userEmail"),
    ({"referrer": "x" * 501}, "referrer"),
]


@pytest.mark.parametrize(("body", "named"), BAD_ITEMS)
async def test_one_bad_check_in_is_refused(
    agent: Agent, body: Mapping[str, Any], named: str
) -> None:
    answer = await agent.post_check_in(**body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"
    assert named in answer.json()["message"]
    assert "lastSeen" not in await agent.read()


async def test_bad_items_of_a_list_are_named_and_spoil_no_other(agent: Agent) -> None:
    good = {"sequence": 1, "assetId": "A-1"}
    odd: list[Any] = [None, 5, "now", [], {"osVersion": "y" * 20_000}]
    bad = [*(body for body, _ in BAD_ITEMS), *odd]
    result = await agent.check_in(checkIns=[*bad, good, bad[0], good | {"sequence": 2}, good])
    assert (result["accepted"], result["duplicates"]) == (2, 1)
    assert [item["index"] for item in result["rejected"]] == [*range(len(bad)), len(bad) + 1]
    for item, (_, named) in zip(result["rejected"], BAD_ITEMS, strict=False):
        assert named in item["message"]
    device = await agent.read()
    assert (device["assetId"], device["checkInCount"]) == ("A-1", 2)


@pytest.mark.parametrize("items", [[], [{"sequence": -1}, {"os": ""}]])
async def test_a_list_without_a_good_item_changes_nothing(
    agent: Agent, items: list[dict[str, Any]]
) -> None:
    result = await agent.check_in(checkIns=items)
    assert (result["accepted"], result["duplicates"]) == (0, 0)
    assert len(result["rejected"]) == len(items)
    assert "lastSeen" not in result
    assert (result["status"], result["connectionState"]) == ("critical", "offline")
    assert "checkInCount" not in await agent.read()


async def test_a_list_may_carry_500_and_no_more(agent: Agent) -> None:
    assert (await agent.check_in(checkIns=[{"sequence": n} for n in range(500)]))["accepted"] == 500
    answer = await agent.post_check_in(checkIns=[{"sequence": n} for n in range(500, 1001)])
    assert answer.status_code == 400
    assert "500" in answer.json()["message"]
    assert (await agent.read())["checkInCount"] == 500


@pytest.mark.parametrize("items", [None, {}, "x", 5])
async def test_check_ins_that_are_no_list_are_refused(agent: Agent, items: object) -> None:
    answer = await agent.post_check_in(checkIns=items)
    assert answer.status_code == 400
    assert "checkIns" in answer.json()["message"]


async def test_a_check_in_that_says_nothing_happened_now(agent: Agent, clock: StoppedClock) -> None:
    now = clock.advance(seconds=7.000001)
    result = await agent.check_in()
    assert result["lastSeen"] == format_timestamp(now)
    assert (result["accepted"], result["duplicates"], result["rejected"]) == (1, 0, [])
    device = await agent.read()
    assert device["lastSeen"] == device["lastCheckIn"] == format_timestamp(now)
    assert device["checkInCount"] == 1


@pytest.mark.parametrize("wrong", [timedelta(days=-400), timedelta(hours=5, microseconds=3)])
async def test_sent_at_corrects_a_wrong_clock(
    agent: Agent, clock: StoppedClock, wrong: timedelta
) -> None:
    theirs = clock.now() + wrong
    observed = theirs - timedelta(minutes=20, microseconds=1)
    result = await agent.check_in(
        observedAt=format_timestamp(observed), sentAt=format_timestamp(theirs)
    )
    assert result["lastSeen"] == format_timestamp(observed - wrong)
    assert result["connectionState"] == "idle"


async def test_sent_at_alone_says_nothing(agent: Agent, clock: StoppedClock) -> None:
    result = await agent.check_in(sentAt="2001-01-01T00:00:00Z")
    assert result["lastSeen"] == format_timestamp(clock.now())


@pytest.mark.parametrize(
    ("ahead", "counts_as"),
    [
        (timedelta(seconds=60), timedelta(seconds=60)),
        (timedelta(seconds=60) + MICROSECOND, timedelta(0)),
        (timedelta(days=20_000), timedelta(0)),
    ],
)
async def test_the_far_future_counts_as_now(
    agent: Agent, clock: StoppedClock, ahead: timedelta, counts_as: timedelta
) -> None:
    result = await agent.check_in(observedAt=format_timestamp(clock.now() + ahead))
    assert result["lastSeen"] == format_timestamp(clock.now() + counts_as)
    assert (result["status"], result["connectionState"]) == ("healthy", "streaming")


async def test_the_far_future_counts_as_now_after_correction(
    agent: Agent, clock: StoppedClock
) -> None:
    sent = clock.now() - timedelta(hours=9)
    result = await agent.check_in(
        observedAt=format_timestamp(clock.now()), sentAt=format_timestamp(sent)
    )
    assert result["lastSeen"] == format_timestamp(clock.now())


async def test_thirty_days_old_is_taken_and_older_is_not(agent: Agent, clock: StoppedClock) -> None:
    oldest = clock.now() - THIRTY_DAYS
    refused = await agent.post_check_in(observedAt=format_timestamp(oldest - MICROSECOND))
    assert refused.status_code == 400
    assert "observedAt" in refused.json()["message"]
    taken = await agent.check_in(observedAt=format_timestamp(oldest))
    assert taken["lastSeen"] == format_timestamp(oldest)
    assert (taken["status"], taken["connectionState"]) == ("critical", "offline")


async def test_age_is_judged_after_correction(agent: Agent, clock: StoppedClock) -> None:
    sent = clock.now() + timedelta(days=10)
    observed = sent - THIRTY_DAYS - MICROSECOND
    answer = await agent.post_check_in(
        observedAt=format_timestamp(observed), sentAt=format_timestamp(sent)
    )
    assert answer.status_code == 400


async def test_a_late_check_in_counts_and_moves_nothing_back(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in(assetId="new")
    earlier = format_timestamp(clock.now() - timedelta(minutes=30))
    result = await agent.check_in(observedAt=earlier, assetId="old", userName="Ann")
    assert (result["accepted"], result["lastSeen"]) == (1, format_timestamp(clock.now()))
    assert result["connectionState"] == "streaming"
    device = await agent.read()
    assert (device["assetId"], device["checkInCount"]) == ("new", 2)
    assert device["lastSeen"] == format_timestamp(clock.now())


async def test_a_repeat_is_answered_as_before_and_changes_nothing(
    agent: Agent, clock: StoppedClock
) -> None:
    first = await agent.check_in(sequence=7, assetId="A-1")
    device = await agent.read()
    clock.advance(minutes=2)
    repeat = await agent.check_in(sequence=7, assetId="A-2")
    assert (repeat["accepted"], repeat["duplicates"]) == (0, 1)
    names = ("lastSeen", "status", "connectionState", "rejected")
    assert [repeat[name] for name in names] == [first[name] for name in names]
    assert await agent.read() == device


async def test_without_a_number_the_same_instant_is_a_repeat(
    agent: Agent, clock: StoppedClock
) -> None:
    for expected in (1, 0, 0):
        assert (await agent.check_in())["accepted"] == expected
    clock.advance(microseconds=1)
    assert (await agent.check_in())["accepted"] == 1
    assert (await agent.read())["checkInCount"] == 2


@pytest.mark.parametrize("as_list", [False, True])
async def test_the_window_ends_64_below_the_highest(agent: Agent, as_list: bool) -> None:
    await agent.check_in(sequence=1000)
    for number, accepted in ((936, 0), (937, 1), (937, 0), (999, 1), (1000, 0)):
        body: dict[str, Any] = {"sequence": number}
        result = await agent.check_in(**({"checkIns": [body]} if as_list else body))
        assert (result["accepted"], result["duplicates"]) == (accepted, 1 - accepted)


async def test_a_number_far_below_the_highest_is_a_repeat(agent: Agent) -> None:
    await agent.check_in(sequence=2**63 - 1)
    result = await agent.check_in(sequence=0)
    assert (result["accepted"], result["duplicates"]) == (0, 1)


async def test_enrolling_again_begins_the_numbers_anew(agent: Agent, clock: StoppedClock) -> None:
    await agent.check_in(sequence=500, assetId="A-1")
    token = await agent.tenant.create_enrollment_token(agent.org_id)
    answer = await post_enrollment(agent.tenant.http, token, clientId=agent.client_id)
    again = Agent(agent.tenant, agent.client_id, agent.org_id, answer.json()["data"]["deviceToken"])
    clock.advance(seconds=1)
    assert (await again.check_in(sequence=1))["accepted"] == 1
    assert (await again.check_in(sequence=1))["duplicates"] == 1
    device = await again.read()
    assert (device["checkInCount"], device["assetId"]) == (2, "A-1")


async def test_the_answer_tells_the_status_and_the_newest_release(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    channel = f"c-{uuid.uuid4()}"
    result = await agent.check_in(channel=channel, sequence=1)
    assert "latestVersion" not in result
    assert result["status"] == "healthy"
    async with owner.begin() as connection:
        await publish_release(connection, channel, "1.0.9", None, clock)
        await publish_release(connection, channel, "1.0.10", None, clock)
        await publish_release(connection, channel, "9.0", "Plan9", clock)
    for first, version, status in ((10, "1.0.9", "warning"), (20, "1.0.10", "healthy")):
        # News, its repeat and an everyday one: three statements, one answer.
        for number in (first, first, first + 1):
            clock.advance(seconds=1)
            result = await agent.check_in(channel=channel, sequence=number, currentVersion=version)
            assert (result["latestVersion"], result["status"]) == ("1.0.10", status)
        device = await agent.read()
        assert (device["isCurrentVersion"], device["status"]) == (status == "healthy", status)
    clock.advance(seconds=1)
    result = await agent.check_in(channel=channel, sequence=30, currentVersion="1.0.10", os="plan9")
    assert (result["latestVersion"], result["status"]) == ("9.0", "warning")


async def test_the_next_check_in_is_asked_for_a_little_early_and_never_late(agent: Agent) -> None:
    asked = [(await agent.check_in(sequence=n))["checkInIntervalSeconds"] for n in range(150)]
    assert all(isinstance(seconds, int) for seconds in asked)
    assert 192 <= min(asked) < 215
    assert 217 < max(asked) <= 240


async def test_enrolling_asks_for_the_first_check_in_no_later(agent: Agent) -> None:
    token = await agent.tenant.create_enrollment_token(agent.org_id)
    answers = [await post_enrollment(agent.tenant.http, token) for _ in range(20)]
    asked = [answer.json()["data"]["checkInIntervalSeconds"] for answer in answers]
    assert min(asked) >= 192
    assert max(asked) <= 240
