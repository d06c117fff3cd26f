"""What waits to be sent: in order, on disk, numbered once, and never more than fits."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from partner_api.agent.measuring.sample import LARGEST_SAMPLE
from partner_api.agent.spool import Bounds, Queue, Spool
from tests.agent.support import moment

ADD_FOR_EVER = """
import sys
from pathlib import Path
from partner_api.agent.clock import DeviceClock
from partner_api.agent.spool import Spool

queue = Spool(Path(sys.argv[1])).check_ins
for n in range(10**9):
    queue.add({"n": n}, DeviceClock().now())
    print(n, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite3"


@pytest.fixture
def spool(file: Path) -> Iterator[Spool]:
    spool = Spool(file, Bounds(entries=5, size=1000))
    yield spool
    spool.close()


def numbers(queue: Queue) -> list[int]:
    return [entry.number for entry in queue.oldest(1000)]


def test_entries_come_back_in_order_and_as_they_were(spool: Spool) -> None:
    spool.check_ins.add({"os": "Lünux"}, moment(1.5))
    spool.check_ins.add({}, moment(2))
    first, second = spool.check_ins.oldest(10)
    assert (first.content, first.moment) == ({"os": "Lünux"}, moment(1.5))
    assert second.number == first.number + 1
    assert [entry.number for entry in spool.check_ins.oldest(1)] == [first.number]


def test_a_number_is_never_used_again(spool: Spool, file: Path) -> None:
    for _ in range(3):
        spool.check_ins.add({}, moment(0))
    spool.check_ins.remove(spool.check_ins.oldest(3))
    spool.close()
    reopened = Spool(file)
    reopened.check_ins.add({}, moment(0))
    reopened.clear()
    reopened.check_ins.add({}, moment(0))
    assert numbers(reopened.check_ins) == [5]
    reopened.close()


def test_the_two_queues_number_for_themselves(spool: Spool) -> None:
    spool.log_lines.add({}, moment(0))
    spool.log_lines.add({}, moment(0))
    spool.check_ins.add({}, moment(0))
    assert (numbers(spool.check_ins), numbers(spool.log_lines)) == ([1], [1, 2])


def test_the_oldest_make_room_and_are_counted(spool: Spool) -> None:
    for _ in range(8):
        spool.check_ins.add({}, moment(0))
    assert numbers(spool.check_ins) == [4, 5, 6, 7, 8]
    assert (spool.check_ins.dropped(), spool.log_lines.dropped()) == (3, 0)
    spool.check_ins.forget_dropped(2)
    assert spool.check_ins.dropped() == 1


def test_bytes_are_bounded_too(spool: Spool) -> None:
    for _ in range(3):
        spool.log_lines.add({"text": "é" * 60}, moment(0))
    spool.log_lines.add({"text": "x" * 700}, moment(0))
    assert numbers(spool.log_lines) == [4]
    assert spool.log_lines.dropped() == 3


def test_added_while_others_are_in_flight_they_stay(spool: Spool) -> None:
    spool.check_ins.add({}, moment(0))
    in_flight = spool.check_ins.oldest(500)
    spool.check_ins.add({}, moment(0))
    spool.check_ins.remove(in_flight)
    assert numbers(spool.check_ins) == [2]


def test_what_stays_of_an_entry_stays_in_its_place(spool: Spool, file: Path) -> None:
    for n in range(3):
        spool.check_ins.add({"n": n, "more": n}, moment(n))
    first, second, _ = entries = spool.check_ins.oldest(3)
    spool.check_ins.add({}, moment(3))
    spool.check_ins.remove(entries, [replace(second, content={"n": 1})])
    spool.close()
    reopened = Spool(file)
    kept, later = reopened.check_ins.oldest(9)
    assert (kept.number, kept.moment, kept.content) == (2, moment(1), {"n": 1})
    assert (later.number, first.number) == (4, 1)
    reopened.close()


def test_large_entries_come_in_shorter_lists(file: Path) -> None:
    spool = Spool(file)
    for size in (300_000, 100_000, 100_000, 100_000):
        spool.check_ins.add({"text": "x" * size}, moment(0))
    lists = []
    while entries := spool.check_ins.oldest(500):
        lists.append([entry.number for entry in entries])
        spool.check_ins.remove(entries)
    assert lists == [[1], [2, 3], [4]]
    spool.close()


def test_samples_leave_room_for_as_many_check_ins() -> None:
    beside_a_sample = 1000
    assert Bounds().entries * (LARGEST_SAMPLE + beside_a_sample) <= Bounds().size


def test_every_commit_is_synced(spool: Spool) -> None:
    full = 2
    assert spool._connection.execute("pragma synchronous").fetchone() == (full,)
    assert spool._connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_what_was_added_outlives_kill_9(file: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ADD_FOR_EVER, str(file)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        added = 50 + len(writer.stdout.read().splitlines())
    spool = Spool(file)
    kept = numbers(spool.check_ins)
    spool.close()
    assert kept == list(range(1, len(kept) + 1))
    # The kill may fall between the commit and the word about it.
    assert added <= len(kept) <= added + 1 or len(kept) == 1000
