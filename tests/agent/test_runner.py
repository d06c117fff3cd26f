"""The agent at work, with prepared answers and pauses that are only written down."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import httpx
import pytest

from partner_api.agent import runner
from partner_api.agent.backoff import Backoff
from partner_api.agent.courier import MOST_AT_ONCE
from partner_api.agent.measuring.measurer import LEAD_SECONDS
from partner_api.agent.spool import Bounds, Spool
from partner_api.kernel.errors import Unauthenticated, Unavailable
from partner_api.kernel.timestamps import parse_timestamp
from tests.agent.support import Answers, Assembled, Most, refused, taken


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def made(tmp_path: Path, answers: Answers) -> AsyncIterator[Assembled]:
    made = Assembled(tmp_path, answers)
    yield made
    await made.close()


def numbers(answers: Answers) -> list[int]:
    return [check_in["sequence"] for check_in in answers.check_ins]


def measured(answers: Answers) -> list[int]:
    """The numbers in the samples that check-ins brought."""
    return [item["metrics"]["number"] for item in answers.check_ins if "metrics" in item]


async def test_it_checks_in_at_the_servers_interval_after_a_first_pause_at_random(
    made: Assembled, answers: Answers
) -> None:
    answers.interval = 60
    await made.run_until(lambda: 60 in made.pauses.seconds and len(answers.check_ins) > 3)
    assert made.pauses.seconds[0] == 240
    assert made.pauses.seconds[-1] == 60
    assert numbers(answers)[:4] == [1, 2, 3, 4]
    assert answers.check_ins[0].keys() == {
        "os",
        "currentVersion",
        "sequence",
        "observedAt",
        "sentAt",
    }


@pytest.mark.parametrize(("asked", "kept"), [(0, 1), (-5, 1), (10**9, 3600)])
async def test_an_unbelievable_interval_neither_floods_nor_silences(
    made: Assembled, answers: Answers, asked: int, kept: int
) -> None:
    answers.interval = asked
    await made.run_until(lambda: len(set(made.pauses.seconds)) > 1)
    assert made.pauses.seconds[-1] == kept


async def test_the_start_is_told_as_a_numbered_log_line(made: Assembled, answers: Answers) -> None:
    await made.run_until(lambda: bool(answers.log_lines))
    (line,) = answers.log_lines
    assert line["severity"] == "INFO"
    assert line["payload"] == {
        "message": "The agent started",
        "agentVersion": "1.0.0",
        "line": 1,
    }
    assert parse_timestamp(line["timestamp"]) is not None


async def test_retry_after_is_obeyed_with_a_pause_of_our_own_on_top(
    made: Assembled, answers: Answers
) -> None:
    answers.prepared = [refused(503, **{"Retry-After": "77"}), refused(503)]
    await made.run_until(lambda: len(answers.log_lines) > 1)
    assert {78.0, 2.0} <= set(made.pauses.seconds)
    assert answers.messages[1].startswith("Recovered after an outage of")
    assert [line for line in made.said if "is kept" in line] == [
        "http://127.0.0.1/v1/agent/check-ins answered 503: No; what is not delivered is kept"
    ]


def test_pauses_grow_to_five_minutes_and_a_server_cannot_ask_for_more_than_an_hour() -> None:
    backoff = Backoff(Most())
    pauses = [backoff.next_pause(0) for _ in range(12)]
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-2:] == [300, 300]
    assert backoff.next_pause(10**9) == 3900


async def test_log_trouble_delays_no_check_in(made: Assembled, answers: Answers) -> None:
    def busy_for_logs(request: httpx.Request) -> httpx.Response:
        return refused(429) if request.url.path.endswith("/logs") else answers(request)

    made.http._transport = httpx.MockTransport(busy_for_logs)
    await made.run_until(lambda: len(answers.check_ins) > 20)
    assert numbers(answers) == list(range(1, len(answers.check_ins) + 1))


async def test_a_dead_token_ends_it_at_once(made: Assembled, answers: Answers) -> None:
    answers.prepared = [refused(401)]
    with pytest.raises(Unauthenticated):
        await made.run_until(lambda: False)
    assert len(answers.requests) == 1
    assert made.spool.check_ins.oldest(1)[0].number == 1


async def test_one_bad_entry_is_found_and_dropped_and_spoils_no_other(
    made: Assembled, answers: Answers
) -> None:
    for n in range(12):
        made.spool.check_ins.add({"os": "bad" if n == 7 else "good"}, made.clock.now())

    def picky(request: httpx.Request) -> httpx.Response:
        return refused(400, "os is bad") if b'"bad"' in request.content else answers(request)

    made.http._transport = httpx.MockTransport(picky)
    await made.agent.run_once()
    assert numbers(answers) == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]
    assert answers.messages == ["The server refused 1 check-ins, which are dropped: os is bad"]


async def test_what_the_server_rejects_is_dropped_with_a_count(
    made: Assembled, answers: Answers
) -> None:
    answers.prepared = [taken(0, "older than 30 days")]
    await made.agent.run_once()
    assert made.waiting() == 0
    (line,) = answers.log_lines
    assert (line["severity"], line["payload"]["dropped"]) == ("WARN", 1)


async def test_a_rejected_log_line_makes_no_other(made: Assembled, answers: Answers) -> None:
    made.spool.log_lines.add({"severity": "INFO", "payload": {}}, made.clock.now())
    answers.prepared = [taken(1), taken(0, "older than 30 days")]
    await made.agent.run_once()
    assert (len(answers.requests), len(made.spool.log_lines.oldest(9))) == (2, 0)
    assert made.said == ["The server refused 1 log lines, which are dropped: older than 30 days"]


async def test_a_backlog_goes_in_order_in_lists_of_500(made: Assembled, answers: Answers) -> None:
    with made.spool._connection:
        for _ in range(MOST_AT_ONCE + 20):
            made.spool.check_ins._execute(
                "insert into {table} (wall, boot, ticks, content) values (?, '', 0, '{{}}')",
                made.clock.now().wall.isoformat(),
            )
    await made.agent.run_once()
    assert numbers(answers) == list(range(1, MOST_AT_ONCE + 22))
    assert len(answers.requests) == 2


async def test_entries_stay_until_they_are_answered(made: Assembled, answers: Answers) -> None:
    answers.prepared = [httpx.ReadError("reset")]
    with pytest.raises(Unavailable):
        await made.agent.run_once()
    assert made.waiting() == 1
    await made.agent.run_once()
    assert numbers(answers) == [1, 2]
    assert made.waiting() == 0


async def test_what_made_room_is_told_when_the_server_is_back(
    tmp_path: Path, answers: Answers
) -> None:
    spool = Spool(tmp_path / "small.sqlite3", Bounds(entries=3))
    made = Assembled(tmp_path, answers, spool)
    for _ in range(4):
        answers.prepared = [httpx.ConnectError("refused")]
        with pytest.raises(Unavailable):
            await made.agent.run_once()
    await made.agent.run_once()
    await made.agent.run_once()
    assert numbers(answers) == [3, 4, 5, 6]
    assert answers.messages == ["The spool was full: dropped the 2 oldest check-ins"]
    await made.close()


async def test_a_clock_set_between_observing_and_sending_changes_no_age(
    made: Assembled, answers: Answers
) -> None:
    made.clock.wrong_by = timedelta(days=-3)
    answers.prepared = [httpx.ConnectError("refused")]
    with pytest.raises(Unavailable):
        await made.agent.run_once()
    made.clock.wrong_by = timedelta()
    await made.agent.run_once()
    for check_in in answers.check_ins:
        sent, observed = (
            parse_timestamp(check_in["sentAt"]),
            parse_timestamp(check_in["observedAt"]),
        )
        assert sent is not None
        assert observed is not None
        assert timedelta() <= sent - observed < timedelta(seconds=5)


@pytest.mark.parametrize("once", [True, False])
async def test_when_stopped_it_waits_for_an_answer_on_its_way(
    made: Assembled, answers: Answers, once: bool
) -> None:
    on_its_way = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        on_its_way.set()
        await asyncio.sleep(0.05)
        return answers(request)

    made.http._transport = httpx.MockTransport(slow)
    work = made.agent.run_once() if once else made.agent.run()
    running = asyncio.create_task(work)
    await on_its_way.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    waiting = [entry.number for entry in made.spool.check_ins.oldest(9)]
    assert numbers(answers)[0] == 1
    assert not set(waiting) & set(numbers(answers))


async def test_a_check_in_carries_what_was_measured_before_it_and_no_other_does(
    tmp_path: Path, answers: Answers
) -> None:
    numbers = iter(range(1, 10_000))
    made = Assembled(tmp_path, answers, sample=lambda: {"metrics": {"number": next(numbers)}})
    await made.run_until(lambda: len(measured(answers)) > 5)
    assert measured(answers) == sorted(set(measured(answers)))
    assert set(made.pauses.seconds) == {240 - LEAD_SECONDS, LEAD_SECONDS}
    await made.close()


async def test_measuring_that_hangs_delays_no_check_in_and_no_stop(
    tmp_path: Path, answers: Answers
) -> None:
    hanging = threading.Event()
    made = Assembled(tmp_path, answers, sample=lambda: {"hung": hanging.wait(20)})
    began = time.monotonic()
    await made.run_until(lambda: len(answers.check_ins) > 20)
    assert measured(answers) == []
    with mock.patch.object(runner, "ONCE_SECONDS", 0.1):
        await made.agent.run_once()
    assert time.monotonic() - began < 5
    hanging.set()
    await made.close()


async def test_checking_in_once_measures_first(tmp_path: Path, answers: Answers) -> None:
    made = Assembled(tmp_path, answers, sample=lambda: {"metrics": {"number": 7}})
    await made.agent.run_once()
    assert measured(answers) == [7]
    await made.close()


async def test_a_check_in_kept_for_later_keeps_its_sample(tmp_path: Path, answers: Answers) -> None:
    made = Assembled(tmp_path, answers, sample=lambda: {"metrics": {"number": 7}})
    answers.prepared = [httpx.ConnectError("refused")]
    with pytest.raises(Unavailable):
        await made.agent.run_once()
    await made.close()
    again = Assembled(tmp_path, answers)
    await again.agent.run_once()
    assert numbers(answers) == [1, 2]
    assert measured(answers) == [7]
    await again.close()


@pytest.mark.parametrize("in_a_list", [True, False])
async def test_a_check_in_whose_sample_the_server_refuses_goes_without_it(
    made: Assembled, answers: Answers, in_a_list: bool
) -> None:
    for n in range(4):
        made.spool.check_ins.add({"os": "a", **({"metrics": {}} if n else {})}, made.clock.now())

    def strict(request: httpx.Request) -> httpx.Response:
        items = json.loads(request.content)
        bad = "checkIns" in items and [
            at for at, item in enumerate(items["checkIns"]) if "metrics" in item
        ]
        if not bad:
            return answers(request)
        if not in_a_list:
            return refused(400, "metrics is bad")
        answers.check_ins += [item for item in items["checkIns"] if "metrics" not in item]
        rejected = [{"index": at, "message": "metrics is bad"} for at in bad]
        return httpx.Response(200, json={"data": {"accepted": 1, "rejected": rejected}})

    made.http._transport = httpx.MockTransport(strict)
    await made.agent.run_once()
    assert sorted(numbers(answers)) == [1, 2, 3, 4, 5]
    assert made.waiting() == 0
    assert answers.messages == []
    assert "sent again without what was measured: metrics is bad" in made.said[0]


async def test_a_measured_check_in_that_is_refused_for_another_reason_is_dropped_with_a_count(
    made: Assembled, answers: Answers
) -> None:
    made.spool.check_ins.add({"os": "a", "metrics": {}}, made.clock.now())
    answers.prepared = [taken(1, "older than 30 days"), taken(0, "older than 30 days")]
    await made.agent.run_once()
    assert made.waiting() == 0
    (line,) = answers.log_lines
    assert (line["severity"], line["payload"]["dropped"]) == ("WARN", 1)


async def test_a_refusal_of_what_was_not_sent_is_none(made: Assembled, answers: Answers) -> None:
    rejected = [{"index": at, "message": "old"} for at in (-1, 1, 7)]
    answers.prepared = [httpx.Response(200, json={"data": {"accepted": 1, "rejected": rejected}})]
    await made.agent.run_once()
    assert (made.waiting(), answers.messages) == (0, [])
