"""Reads of a large fleet beside the same reads of a small one: `make bench-reads SIZE=1000000`.

Two MSPs with as many organizations each live in one database: one with SIZE devices, one with a
thousand. Each read is asked of both in turn over one connection, and the medians are compared.
A tenth of the devices has been silent for hours or days.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from urllib.parse import quote

import uvloop

from bench.fleet import Fleet, fill, prepare
from bench.load import Client, client, timed
from bench.product import Place, Product, database, serving

_FIRST = "/v1/devices?limit=100"
# Nobody checks in here: seen an hour from now, no device falls silent while reads are measured.
_AHEAD_SECONDS = -3600.0
_SILENT = "/v1/devices?limit=100&sortBy=lastSeen&sortOrder=asc"


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--organizations", type=int, default=1000)
    parser.add_argument("--times", type=int, default=50, help="how often each read is asked")
    options = parser.parse_args()
    with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(place, options))


@dataclass(frozen=True)
class _Reader:
    """One MSP's program."""

    ask: Client
    fleet: Fleet
    token: str

    def request(self, path: str) -> bytes:
        return self.ask.request("GET", path.replace("{msp}", self.fleet.msp), self.token)

    async def get(self, path: str) -> dict[str, object]:
        answer = await self.ask.ask(self.request(path))
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {answer.body[:300]!r}")
        found: dict[str, object] = json.loads(answer.body)
        return found


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleets = [
        Fleet(size, options.organizations, resting=10, silent_seconds=_AHEAD_SECONDS)
        for size in (options.devices, 1000)
    ]
    await prepare(place.databases)
    for fleet in fleets:
        print(f"Filling in {fleet.devices:,} devices …", flush=True)
        await fill(place.databases, fleet)
    with serving(place) as product:
        async with client(product.url, 1) as ask:
            large, small = (_Reader(ask, fleet, _token(product, fleet)) for fleet in fleets)
            for name, path in (
                ("statistics", "/v1/msp/{msp}/stats"),
                ("organizations", "/v1/organizations?limit=100"),
                ("devices, first page", _FIRST),
                ("last seen first", _SILENT),
            ):
                await _beside(name, large, small, path, options.times)
            await _far(large, options.times)
            await _searches(large, options.times)


def _token(product: Product, fleet: Fleet) -> str:
    return product.access_token(fleet)


async def _beside(name: str, large: _Reader, small: _Reader, path: str, times: int) -> None:
    found: list[list[float]] = [[], []]
    for _ in range(times):
        for reader, seconds in zip((large, small), found, strict=True):
            seconds.append(await timed(reader.ask, reader.request(path)))
    _print(name, median(found[0]), median(found[1]))


async def _far(large: _Reader, times: int) -> None:
    """The page at nine tenths of the list, reached by walking there, beside the first."""
    cursor, position = "", 0
    while position < large.fleet.devices * 9 // 10:
        page = await large.get(f"/v1/devices?limit=1000{cursor}")
        meta = page["meta"]
        assert isinstance(meta, dict)
        cursor, position = f"&cursor={quote(meta['nextCursor'])}", position + 1000
    found: list[list[float]] = [[], []]
    for _ in range(times):
        for path, seconds in zip((_FIRST + cursor, _FIRST), found, strict=True):
            seconds.append(await timed(large.ask, large.request(path)))
    _print(f"page at row {position:,} / first", median(found[0]), median(found[1]))


async def _searches(large: _Reader, times: int) -> None:
    for text in _texts(large.fleet.devices):
        page = await large.get(f"/v1/devices?limit=100&q={text}")
        meta = page["meta"]
        assert isinstance(meta, dict)
        # Asked less often when it is dear, and not so soon that it is still remembered.
        often = times if meta["total"] <= 10_000 else 3
        request = large.request(f"/v1/devices?limit=100&q={text}")
        seconds: list[float] = []
        for _ in range(often):
            seconds.append(await timed(large.ask, request))
            await asyncio.sleep(0 if often == times else 2)
        print(f"search for {text:<14} {meta['total']:>9,} found  {median(seconds) * 1000:8.1f} ms")


def _texts(devices: int) -> Sequence[str]:
    """From one match to every device."""
    few = str(devices - 1)
    return [f"ASSET-{few}", few, few[:-1], few[:-2], few[:-3], "zzz", "user", "et-"]


def _print(name: str, one: float, other: float) -> None:
    print(
        f"{name:<28} {one * 1000:8.2f} ms / {other * 1000:8.2f} ms = {one / other:.2f}", flush=True
    )


if __name__ == "__main__":
    main()
