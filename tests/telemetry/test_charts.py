"""Charts are documents that any reader of SVG takes, and show what they are given."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.telemetry.charts import Chart, line_chart

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2026, 2, 23, 12, 15, tzinfo=UTC)
HOSTILE = [
    "</text><script>alert(1)</script>",
    "]]><!--",
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;",
    "\" onload='alert(1)'",
    "NUL \0, escape \x1b, half \ud800, no character \uffff",
    "\u202egnp.exe",
    "x" * 200,
    "",
]


def chart(
    series: Mapping[str, Sequence[float | None]],
    *,
    title: str = "Latency",
    unit: str = "ms",
    start: datetime = START,
    seconds: int = 900,
) -> Chart:
    length = max(map(len, series.values()), default=0)
    moments = [start + number * timedelta(seconds=seconds) for number in range(length)]
    return Chart(title, unit, series, moments, seconds)


def drawn(given_chart: Chart) -> ET.Element:
    return ET.fromstring(line_chart(given_chart))  # noqa: S314 - our own


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def lines(root: ET.Element) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]
        for element in root.iter(f"{SVG}polyline")
        for line in [element.attrib["points"]]
    ]


def test_it_says_what_it_shows() -> None:
    root = drawn(chart({"p50": [1.5, 2, None], "p95": [3, 4, 5.25]}))
    assert root.attrib["role"] == "img"
    assert [element.tag for element in root][:3] == [f"{SVG}title", f"{SVG}desc", f"{SVG}rect"]
    assert root[0].text == "Latency (ms)"
    assert root[1].text == (
        "3 buckets of 900 seconds, the first from 2026-02-23 12:15 UTC, the last from"
        " 2026-02-23 12:45 UTC and still running. The last values: p50: unknown; p95: 5.25."
    )
    assert root[2].attrib["fill"] == "#ffffff"
    assert {"Latency (ms)", "p50", "p95", "UTC", "grey: still running"} <= set(texts(root))


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_is_nothing_but_text(name: str) -> None:
    document = line_chart(chart({name: [1, 2], "b": [2, 1]}, title=name, unit=name))
    root = ET.fromstring(document)  # noqa: S314 - our own
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "rect", "text", "path", "polyline", "circle"}
    names = {attribute for element in root.iter() for attribute in element.attrib}
    assert not {name for name in names if name.startswith("on") or "href" in name}
    assert document.count("http") == 1
    assert all(len(text) <= 60 for text in texts(root))


@given(
    st.dictionaries(st.text(max_size=8), st.lists(st.none() | st.floats(-1e12, 1e12), max_size=6)),
    st.text(max_size=8),
    st.sampled_from([60, 300, 900, 3600, 86400]),
)
def test_whatever_is_given_stays_within_the_picture(
    series: dict[str, list[float | None]], title: str, seconds: int
) -> None:
    length = max(map(len, series.values()), default=0)
    even = {name: [*values, *[None] * (length - len(values))] for name, values in series.items()}
    root = drawn(chart(even, title=title, seconds=seconds))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for x, y in (point for line in lines(root) for point in line):
        assert 0 <= x <= width
        assert 0 <= y <= height
    known = any(value is not None for values in even.values() for value in values)
    assert ("No data" in texts(root)) == (not known)


def test_a_line_breaks_where_nothing_is_known() -> None:
    root = drawn(chart({"p50": [1, 2, None, 3, 4, 5, None, 6, None, 7]}))
    assert [len(line) for line in lines(root)] == [2, 3]
    # What stands alone, and the running bucket, which nothing leads to.
    assert [circle.attrib["r"] for circle in root.iter(f"{SVG}circle")] == ["1.5", "3"]


def test_the_running_bucket_is_told_from_those_that_are_over() -> None:
    root = drawn(chart({"p50": [1, 2, 3]}))
    over, running = root.iter(f"{SVG}polyline")
    assert "stroke-dasharray" not in over.attrib
    assert running.attrib["stroke-dasharray"]
    (band,) = (each for each in root.iter(f"{SVG}rect") if each.attrib["fill"] == "#eeeeee")
    left, width = float(band.attrib["x"]), float(band.attrib["width"])
    assert left < lines(root)[-1][-1][0] < left + width


def test_higher_values_are_higher_and_later_ones_further_right() -> None:
    (line, _) = lines(drawn(chart({"p50": [-5, 0, 10, 20, 1]})))
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 0, 0], ["0", "1"]),
        ([1, 3, 2], ["0", "1", "2", "3"]),
        ([0.5, 0.7], ["0.0", "0.2", "0.4", "0.6", "0.8"]),
        ([12.5, 96], ["0", "20", "40", "60", "80", "100"]),
        ([2_000_000, 1], ["0", "500,000", "1,000,000", "1,500,000", "2,000,000"]),
        ([-60.5, -40], ["-80", "-60", "-40", "-20", "0"]),
        ([0.002, 0.001], ["0.0000", "0.0005", "0.0010", "0.0015", "0.0020"]),
    ],
)
def test_values_are_named_neatly_and_zero_is_among_them(
    values: list[float], ticks: list[str]
) -> None:
    found = texts(drawn(chart({"": values}, title="")))
    assert [text for text in found if text in ticks] == ticks
    assert not [
        text for text in found if text[-1:].isdigit() and text not in ticks and len(text) < 5
    ]


@pytest.mark.parametrize(
    ("length", "seconds", "named"),
    [
        (12, 300, ["12:20", "2026-02-23", "12:30", "12:40", "12:50", "13:00", "13:10"]),
        (96, 900, ["18:00", "2026-02-23", "00:00", "2026-02-24", "06:00", "12:00"]),
        (7, 86400, [f"{START + timedelta(days=day):%Y-%m-%d}" for day in range(1, 8)]),
    ],
)
def test_moments_are_named_in_utc(length: int, seconds: int, named: list[str]) -> None:
    east = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    found = texts(drawn(chart({"": [1.0] * length}, title="", start=east, seconds=seconds)))
    assert [text for text in found if ":" in text[:3] or text.startswith("2026")] == named


def test_many_lines_are_told_apart() -> None:
    root = drawn(chart({f"Organization number {number}": [1, 2, 3] for number in range(20)}))
    paths = [path.attrib for path in root.iter(f"{SVG}path") if path.attrib.get("fill") == "none"]
    assert len({(path["stroke"], path.get("stroke-dasharray")) for path in paths}) == 20
    assert float(root.attrib["height"]) > max(y for line in lines(root) for _, y in line)
