"""Line charts as SVG, plain enough for mails and tickets: no scripts, nothing from elsewhere."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

from partner_api.telemetry.axes import TimeAxis, ValueAxis

_WIDTH: Final = 800
_LEFT, _RIGHT, _BOTTOM = 72, 40, 48
_PLOT_HEIGHT: Final = 240
_TITLE_AT, _LEGEND_AT, _LINE_HEIGHT = 26, 50, 18
_KEY_WIDTH, _KEY_GAP = 26, 18
_CHARACTER_WIDTH: Final = 7
"""Of a text of 12 pixels, about: it cannot be measured here."""
_LONGEST_TITLE, _LONGEST_NAME = 60, 40

# Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow that is lost on
# white. Where there are more lines, dots tell those of one colour apart.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_DOTS: Final = ("", "2 3", "1 6")
_RUNNING_DASHES: Final = "6 4"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw: series over the same buckets, None where nothing is known."""

    title: str
    unit: str
    series: Mapping[str, Sequence[float | None]]
    timestamps: Sequence[datetime]
    """Where each bucket begins, in order; the last one is still running."""
    bucket_seconds: int


def line_chart(chart: Chart) -> str:
    """An SVG document, well-formed whatever the names in it are."""
    return "\n".join(_Drawing(chart).parts()) + "\n"


class _Drawing:
    """A chart and where its parts are."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._keys = list(_placed_keys(chart.series))
        rows = max((row for _, _, row in self._keys), default=0) + 1
        top = _LEGEND_AT + rows * _LINE_HEIGHT
        self._top, self._bottom = top, top + _PLOT_HEIGHT
        known = [value for values in chart.series.values() for value in values if value is not None]
        self._values = ValueAxis(known, self._bottom, top)
        self._bucket = timedelta(seconds=chart.bucket_seconds)
        self._times = TimeAxis(chart.timestamps, self._bucket, _LEFT, _WIDTH - _RIGHT)
        self._is_empty = not known

    def parts(self) -> Iterator[str]:
        """The document, element by element."""
        height = self._bottom + _BOTTOM
        title = self._chart.title
        if self._chart.unit:
            title += f" ({self._chart.unit})"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
            f' viewBox="0 0 {_WIDTH} {height}" role="img" font-family="sans-serif" font-size="12"'
            ' fill="#333333">'
        )
        yield f"<title>{_text(title)}</title>"
        yield f"<desc>{_text(self._description())}</desc>"
        yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
        short = _text(_shortened(title, _LONGEST_TITLE))
        yield f'<text x="{_LEFT}" y="{_TITLE_AT}" font-size="16">{short}</text>'
        yield from self._legend()
        yield from self._running_bucket()
        yield from self._value_axis()
        yield from self._time_axis()
        for number, values in enumerate(self._chart.series.values()):
            yield from self._line(values, number)
        if self._is_empty:
            yield _label(_WIDTH / 2, (self._top + self._bottom) / 2, "No data", "middle")
        yield "</svg>"

    def _description(self) -> str:
        chart = self._chart
        if self._is_empty:
            return "No data."
        first, last = (_in_utc(chart.timestamps[at]) for at in (0, -1))
        latest = "; ".join(
            f"{name}: {'unknown' if values[-1] is None else format(values[-1], '.6g')}"
            for name, values in chart.series.items()
        )
        return (
            f"{len(chart.timestamps)} buckets of {chart.bucket_seconds} seconds, the first from"
            f" {first}, the last from {last} and still running. The last values: {latest}."
        )

    def _legend(self) -> Iterator[str]:
        for number, (name, x, row) in enumerate(self._keys):
            y = _LEGEND_AT + row * _LINE_HEIGHT
            yield f'<path d="M{x} {y - 4}h{_KEY_WIDTH - 6}" {_stroke(number)}/>'
            yield _label(x + _KEY_WIDTH, y, name, "start")

    def _running_bucket(self) -> Iterator[str]:
        if not self._chart.timestamps:
            return
        left = self._times.at(self._chart.timestamps[-1])
        yield (
            f'<rect x="{left:.1f}" y="{self._top}" width="{_WIDTH - _RIGHT - left:.1f}"'
            f' height="{_PLOT_HEIGHT}" fill="#eeeeee"/>'
        )
        yield _label(_WIDTH - _RIGHT, _TITLE_AT, "grey: still running", "end")

    def _value_axis(self) -> Iterator[str]:
        for value, text in self._values.ticks():
            y = self._values.at(value)
            colour = "#333333" if value == 0 else "#dddddd"
            yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{colour}"/>'
            yield _label(_LEFT - 8, y + 4, text, "end")

    def _time_axis(self) -> Iterator[str]:
        shown = None
        for moment, has_time in self._times.ticks():
            x = self._times.at(moment)
            yield f'<path d="M{x:.1f} {self._bottom}v5" stroke="#333333"/>'
            if has_time:
                yield _label(x, self._bottom + 19, f"{moment:%H:%M}", "middle")
            if moment.date() != shown:
                shown = moment.date()
                yield _label(x, self._bottom + (35 if has_time else 19), f"{shown}", "middle")
        yield _label(_LEFT - 8, self._bottom + 19, "UTC", "end")

    def _line(self, values: Sequence[float | None], number: int) -> Iterator[str]:
        """A line through the middles of buckets, broken where nothing is known.

        What stands alone is a dot. The running bucket is a ring, and the way to it dashed.
        """
        half = self._bucket / 2
        points = [
            None if value is None else (self._times.at(moment + half), self._values.at(value))
            for moment, value in zip(self._chart.timestamps, values, strict=True)
        ]
        for run in _runs(points[:-1]):
            yield _dot(run[0], 1.5, number) if len(run) == 1 else _through(run, _stroke(number))
        for running in filter(None, points[-1:]):
            for before in filter(None, points[-2:-1]):
                yield _through([before, running], _stroke(number, _RUNNING_DASHES))
            yield _dot(running, 3, number)


Point = tuple[float, float]


def _placed_keys(names: Iterable[str]) -> Iterator[tuple[str, float, int]]:
    """What the legend says of each line, where from the left, and in which row."""
    x, row = _LEFT, 0
    for name in names:
        short = _shortened(name, _LONGEST_NAME)
        width = _KEY_WIDTH + len(short) * _CHARACTER_WIDTH + _KEY_GAP
        if x > _LEFT and x + width > _WIDTH:
            x, row = _LEFT, row + 1
        yield short, x, row
        x += width


def _runs(points: Iterable[Point | None]) -> Iterator[list[Point]]:
    """Those that are next to each other."""
    for is_known, run in groupby(points, key=lambda point: point is not None):
        if is_known:
            yield [point for point in run if point is not None]


def _through(points: Iterable[Point], stroke: str) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" {stroke} stroke-linejoin="round"/>'


def _dot(point: Point, radius: float, number: int) -> str:
    colour = _COLOURS[number % len(_COLOURS)]
    at = f'cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="{radius}"'
    return f'<circle {at} fill="#ffffff" stroke="{colour}" stroke-width="2"/>'


def _stroke(number: int, dashes: str = "") -> str:
    colour = _COLOURS[number % len(_COLOURS)]
    dashes = dashes or _DOTS[number // len(_COLOURS) % len(_DOTS)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="{colour}" stroke-width="2"{dashed}'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(text)}</text>'


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"


def _text(text: str) -> str:
    # Some characters cannot stand in XML, not even escaped.
    return escape(_NO_XML.sub("\ufffd", text))


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
