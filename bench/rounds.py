"""Rounds of two contestants in turn, and the median of their ratios."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from statistics import median

from bench import wrk
from bench.meter import Meter, Spent, between


@dataclass(frozen=True)
class Contestant:
    """A server, its requests, and what measures it."""

    name: str
    url: str
    requests: Path
    meter: Meter


@dataclass(frozen=True)
class Round:
    """One contestant's load, and what it cost."""

    load: wrk.Load
    spent: Spent

    @property
    def server_us(self) -> float:
        """Processor time of the server for each request."""
        return self.spent.server / self.load.requests * 1e6

    @property
    def database_us(self) -> float:
        """Processor time of PostgreSQL for each request."""
        return self.spent.database / self.load.requests * 1e6

    def stolen_percent(self, seconds: int) -> float:
        """Of the machine's processors in those seconds, what other machines had."""
        return 100 * self.spent.stolen / seconds / (cpu_count() or 1)

    @property
    def wal_bytes(self) -> float:
        """Bytes of write-ahead log for each request."""
        return self.spent.wal / self.load.requests


async def alternate(
    contestants: Sequence[Contestant],
    *,
    rounds: int,
    seconds: int,
    connections: int = 64,
    between_rounds: Callable[[], Awaitable[None]] | None = None,
) -> Sequence[Sequence[Round]]:
    """Rounds of each contestant in turn, after one each to warm up; prints all others.

    RuntimeError when a server refuses a request: its rate would mean nothing.
    """
    # Each device in turn, as they check in: drawn by lot, some would fall silent for minutes.
    sent = dict.fromkeys(contestants, 0)

    def run(one: Contestant) -> wrk.Load:
        load = wrk.run(
            one.url, one.requests, connections=connections, seconds=seconds, first=sent[one]
        )
        sent[one] += load.requests
        return load

    for one in contestants:
        run(one)
    found: list[list[Round]] = [[] for _ in contestants]
    for number in range(rounds):
        pairs = list(zip(contestants, found, strict=True))
        # The other way round each time: a machine that is slowing down slows the second one more.
        for one, rows in pairs if number % 2 == 0 else reversed(pairs):
            if between_rounds:
                await between_rounds()
            before = await one.meter.read()
            load = run(one)
            row = Round(load, between(before, await one.meter.read()))
            if load.refused:
                raise RuntimeError(f"{one.name} refused {load.refused} of {load.requests}")
            rows.append(row)
            print(
                f"  {number + 1}  {one.name:<18} {load.rate:8.0f}/s  p50 {load.p50_ms:5.1f} ms"
                f"  p99 {load.p99_ms:6.1f} ms  server {row.server_us:5.0f} us"
                f"  database {row.database_us:5.1f} us  WAL {row.wal_bytes:5.0f} B"
                f"  stolen {row.stolen_percent(seconds):3.0f} %",
                flush=True,
            )
    return found


def ratio(of: Sequence[Round], to: Sequence[Round], figure: Callable[[Round], float]) -> float:
    """The median over the rounds of one contestant's figure to the other's."""
    return median(figure(a) / figure(b) for a, b in zip(of, to, strict=True))
