"""A relay's body is read at once where it can be, and means what it does item by item."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_api.ingest import parse
from partner_api.ingest.parse import LARGEST_ITEM, parse_relay
from partner_api.ingest.types import Parsed, RelayedCheckIn
from partner_api.kernel.errors import Invalid

NOW = datetime(2026, 2, 24, 12, tzinfo=UTC)
ID = "A1B2C3D4-E5F6-7890-ABCD-EF1234567890"
ORG = "org_a1b2c3d4-e5f6-7890-abcd-ef1234567890"
GOOD: dict[str, Any] = {"clientId": ID, "os": "macOS", "currentVersion": "1.0"}
VALUES: Mapping[str, list[Any]] = {
    "clientId": [ID.lower(), ID.replace("-", ""), f"{{{ID}}}", "", None, 5, "\ud800"],
    "orgId": [None, ORG, ORG.upper(), "org_", 7],
    "os": [None, "linux", "", "x" * 101, "a\nb", "\U0001f600", "\udc00", 1, []],
    "sequence": [None, 0, 2**63 - 1, 2**63, -1, 1.0, 1.5, "1", True],
    "observedAt": [None, "2026-02-24T11:55:00Z", "2026-02-24T12:55:00+01:00", "2020-01-01", 1],
    "sentAt": [None, "2026-02-24T12:00:30Z", "soon"],
    "network": [None, {}, {"interface": "wifi", "latencyMs": 1.5}, {"interface": "dsl"}, []],
    "metrics": [None, {"load1": 1}, {"hops": 1}, {"\ud800": 1}],
    "unknown": [None, "y" * LARGEST_ITEM, [[[]]], {"clientId": "x"}],
}
fields = st.sampled_from([(name, value) for name in VALUES for value in VALUES[name]])
items = st.one_of(
    st.lists(fields, max_size=2).map(lambda said: GOOD | dict(said)),
    st.sampled_from([None, 5, "x", [], {}]),
)


def read(body: bytes) -> Parsed[RelayedCheckIn] | str:
    try:
        return parse_relay(body, NOW)
    except Invalid as error:
        return error.message


def one_by_one(body: bytes) -> Parsed[RelayedCheckIn] | str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parse, "_at_once", lambda *_: None)
        return read(body)


@given(st.lists(items, max_size=3), st.booleans())
@settings(max_examples=400)
def test_a_body_means_the_same_at_once_and_item_by_item(made: list[Any], ascii_only: bool) -> None:
    body = json.dumps({"checkIns": made}, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    assert read(body) == one_by_one(body)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"checkIns": [GOOD] * 1000}),
        json.dumps({"checkIns": [GOOD] * 1001}),
        json.dumps({"checkIns": [GOOD]}).replace(":", ":" + " " * LARGEST_ITEM),
        '{"checkIns": [{"clientId": "x"}], "checkIns": [' + json.dumps(GOOD) + "]}",
        '{"checkIns": [' + json.dumps(GOOD)[:-1] + ', "clientId": "x"}]}',
        '{"checkIns": [' + json.dumps(GOOD) + ',{"clientId": 5}]}',
        '{"checkIns": [' + json.dumps(GOOD) + ',{"a": ' + "[" * 5000 + "]" * 5000 + "}]}",
        '{"checkIns": []}',
        '{"checkIns": {}}',
        "[]",
    ],
)
def test_so_do_odd_bodies(body: str) -> None:
    assert read(body.encode()) == one_by_one(body.encode())


def test_a_thousand_good_items_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "_each", None)
    parsed = parse_relay(json.dumps({"checkIns": [GOOD | {"orgId": ORG}] * 1000}).encode(), NOW)
    assert [item.index for item in parsed.items] == list(range(1000))
    assert parsed.rejected == []
