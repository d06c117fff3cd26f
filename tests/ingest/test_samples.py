"""What a check-in measured: what is kept of it, and what cannot be."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partner_api.ingest.parse import LARGEST_ITEM, parse_check_ins, parse_relay
from partner_api.ingest.samples import OWN_MEASURES
from partner_api.kernel.errors import Invalid
from partner_api.surfaces.partner.sample_schemas import SAMPLE
from partner_api.telemetry.types import Hop, Sample
from tests.factories.tenants import Agent

NOW = datetime(2026, 2, 24, 12, tzinfo=UTC)
ID = "A1B2C3D4-E5F6-7890-ABCD-EF1234567890"
MAC = "00:00:5e:00:53:01"


def sampled(check_in: Mapping[str, Any]) -> Sample | None:
    (item,) = parse_check_ins(json.dumps(check_in).encode(), NOW).items
    return item.sample


def of_network(**network: Any) -> Sample:
    sample = sampled({"network": {"interface": "wifi", **network}})
    assert sample is not None
    return sample


def gateway(**said: Any) -> dict[str, Any]:
    return {"network": {"interface": "wifi", "gateway": {"ip": "192.0.2.1", "mac": MAC, **said}}}


def network(**said: Any) -> dict[str, Any]:
    return {"network": {"interface": "wifi", **said}}


def interface(**said: Any) -> dict[str, Any]:
    return {"interfaces": [{"name": "en0", "type": "wifi", **said}]}


def hops(*ttls: Any, **said: Any) -> dict[str, Any]:
    return network(hops=[{"ttl": ttl, **said} for ttl in ttls])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"network": {}}, "network: Object missing required field `interface`"),
    ({"network": []}, "network: Expected `object | null`, got `array`"),
    (network(interface="dsl"), "network.interface must be one of wifi, ethernet, cellular, other"),
    (network(latencyMs=-0.001), "network.latencyMs must be at least 0"),
    (network(latencyMs=600_000.001), "network.latencyMs must be at most 600000"),
    (network(latencyMs="12"), "network.latencyMs: Expected `float | null`, got `str`"),
    (network(latencyMs=True), "network.latencyMs: Expected `float | null`, got `bool`"),
    (network(jitterMs=-1), "network.jitterMs must be at least 0"),
    (network(jitterMs=600_001), "network.jitterMs must be at most 600000"),
    (network(packetLossPct=-1), "network.packetLossPct must be at least 0"),
    (network(packetLossPct=100.1), "network.packetLossPct must be at most 100"),
    (network(publicIp="203.0.113"), "network.publicIp must be an IPv4 or IPv6 address"),
    (network(publicIp=""), "network.publicIp must not be empty"),
    (gateway(ip="gateway"), "network.gateway.ip must be an IPv4 or IPv6 address"),
    (gateway(mac="00:00:5e"), "network.gateway.mac must be a MAC address such as 00:00:5e:00:53"),
    (gateway(responseMs=-1), "network.gateway.responseMs must be at least 0"),
    (network(gateway={"ip": "192.0.2.1"}), "network.gateway: Object missing required field `mac`"),
    (hops(*range(1, 34)), "network.hops must have at most 32 items"),
    (hops(0), "network.hops[0].ttl must be at least 1"),
    (hops(1, 256), "network.hops[1].ttl must be at most 255"),
    (hops(1.0), "network.hops[0].ttl: Expected `int`, got `float`"),
    (hops(1, 2, 1), "network.hops must have each ttl once"),
    (hops(1, ip="x"), "network.hops[0].ip must be an IPv4 or IPv6 address"),
    (hops(1, latencyMs=-1), "network.hops[0].latencyMs must be at least 0"),
    (hops(1, lossPct=101), "network.hops[0].lossPct must be at most 100"),
    (network(wifi={"rssiDbm": -201}), "network.wifi.rssiDbm must be at least -200"),
    (network(wifi={"rssiDbm": 51}), "network.wifi.rssiDbm must be at most 50"),
    (network(wifi={"noiseDbm": -201}), "network.wifi.noiseDbm must be at least -200"),
    (network(wifi={"noiseDbm": 51}), "network.wifi.noiseDbm must be at most 50"),
    (network(wifi={"bssid": "x"}), "network.wifi.bssid must be a MAC address"),
    (network(wifi={"channel": 0}), "network.wifi.channel must be at least 1"),
    (network(wifi={"rateMbps": -1}), "network.wifi.rateMbps must be at least 0"),
    (network(wifi={"ssid": "a\x00b"}), "network.wifi.ssid must not contain control characters"),
    (network(wifi={"band": "5\n"}), "network.wifi.band must not contain control characters"),
    (network(wifi={"ssid": "x" * 101}), "network.wifi.ssid must have at most 100 characters"),
    ({"interfaces": {}}, "interfaces: Expected `array | null`, got `object`"),
    ({"interfaces": [{"name": "en0"}]}, "interfaces[0]: Object missing required field `type`"),
    ({"interfaces": [{"name": "e", "type": "o"}] * 65}, "interfaces must have at most 64 items"),
    (interface(name="x" * 101), "interfaces[0].name must have at most 100 characters"),
    (interface(name="\x1b[2J"), "interfaces[0].name must not contain control characters"),
    (interface(type="\x7f"), "interfaces[0].type must not contain control characters"),
    (interface(state="\x85"), "interfaces[0].state must not contain control characters"),
    (interface(mac="x"), "interfaces[0].mac must be a MAC address"),
    (interface(addresses=["192.0.2.4/33"]), "interfaces[0].addresses must be IP addresses such as"),
    (interface(addresses=["::1"] * 65), "interfaces[0].addresses must have at most 64 items"),
    (interface(counters={"rx": -1}), "interfaces[0].counters[...] must be at least 0"),
    (interface(counters={"rx": 0.5}), "interfaces[0].counters[...]: Expected `int`, got `float`"),
    (interface(counters={"rx": 2**63}), "interfaces[0].counters[...] must be at most 92233720368"),
    (interface(counters={"r x": 1}), "interfaces[0].counters must have names of 1 to 64 letters"),
    (
        interface(counters={f"rx{n}": n for n in range(65)}),
        "interfaces[0].counters must have at most 64 members",
    ),
    ({"metrics": {f"m{n}": n for n in range(65)}}, "metrics must have at most 64 members"),
    ({"metrics": {"load1": "0.5"}}, "metrics[...]: Expected `float`, got `str`"),
    ({"metrics": {"load1": None}}, "metrics[...]: Expected `float`, got `null`"),
    ({"metrics": {"": 1}}, "metrics must have names of 1 to 64 letters"),
    ({"metrics": {"1load": 1}}, "metrics must have names of 1 to 64 letters"),
    ({"metrics": {"load\n": 1}}, "metrics must have names of 1 to 64 letters"),
    ({"metrics": {"x" * 65: 1}}, "metrics must have names of 1 to 64 letters"),
    *(
        ({"metrics": {name: 1}}, f"metrics must not have {name}, which is a name of our own")
        for name in OWN_MEASURES
    ),
]
NOT_FINITE = ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400]


@pytest.mark.parametrize(("check_in", "message"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_be_is_refused_by_name(check_in: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        sampled(check_in)
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(("check_in", "message"), REFUSED, ids=[said for _, said in REFUSED])
def test_it_spoils_no_other_item(check_in: dict[str, Any], message: str) -> None:
    items = [{"sequence": 1}, check_in, {"metrics": {"load1": 1}}]
    alone = parse_check_ins(json.dumps({"checkIns": items}).encode(), NOW)
    relayed = parse_relay(
        json.dumps({"checkIns": [{"clientId": ID, **item} for item in items]}).encode(), NOW
    )
    for rejected in (alone.rejected, relayed.rejected):
        assert [(each.index, each.message.startswith(message)) for each in rejected] == [(1, True)]
    assert [item.sample for item in alone.items] == [None, Sample(metrics={"load1": 1.0})]
    assert [item.check_in.sample for item in relayed.items] == [item.sample for item in alone.items]


@pytest.mark.parametrize("number", NOT_FINITE)
@pytest.mark.parametrize(
    "body",
    [
        '{"metrics": {"load1": @}}',
        '{"network": {"interface": "wifi", "latencyMs": @}}',
        '{"network": {"interface": "wifi", "wifi": {"rssiDbm": @}}}',
    ],
)
def test_every_number_is_finite(body: str, number: str) -> None:
    with pytest.raises(Invalid):
        parse_check_ins(body.replace("@", number).encode(), NOW)


def test_an_item_stays_as_small_as_any() -> None:
    large = json.dumps({"checkIns": [{"metrics": {"a": 1}, "note": "x" * LARGEST_ITEM}]}).encode()
    assert [item.message for item in parse_check_ins(large, NOW).rejected] == [
        f"An item may have {LARGEST_ITEM} bytes"
    ]


def test_what_was_measured_is_taken_apart() -> None:
    sample = sampled(SAMPLE)
    assert sample is not None
    assert (sample.latency, sample.jitter, sample.loss) == (12_500, 1_750, 500)
    assert (sample.gateway_response, sample.wifi_rssi) == (1_250, -58_000)
    assert sample.hops == [Hop(1, "192.0.2.1", 1.25, 0), Hop(2)]
    assert sample.metrics == {"load1": 0.42, "memoryUsedPct": 61.5}
    assert sample.gateway_mac == 0x00005E005301
    assert sample.network == (
        '{"interface":"wifi","publicIp":"203.0.113.7",'
        '"gateway":{"ip":"192.0.2.1","mac":"00:00:5e:00:53:01"},'
        '"wifi":{"ssid":"Acme Office","bssid":"00:00:5e:00:53:02","noiseDbm":-92.0,"channel":44,'
        '"band":"5 GHz","rateMbps":866.7}}'
    )
    assert sample.interfaces is not None
    assert json.loads(sample.interfaces) == SAMPLE["interfaces"]


@pytest.mark.parametrize("spelt", ["00-00-5E-00-53-01", "0000.5e00.5301", "00:00:5E:00:53:01"])
def test_a_mac_is_kept_in_one_spelling(spelt: str) -> None:
    sample = sampled({**gateway(mac=spelt), **interface(mac=spelt)})
    assert sample is not None
    assert sample.gateway_mac == 0x00005E005301
    assert f'"mac":"{MAC}"' in str(sample.network)
    assert f'"mac":"{MAC}"' in str(sample.interfaces)
    assert f'"bssid":"{MAC}"' in str(of_network(wifi={"bssid": spelt}).network)


@pytest.mark.parametrize(
    ("check_in", "sample"),
    [
        ({}, None),
        ({"network": None, "interfaces": None, "metrics": None}, None),
        ({"network": {"interface": "other"}}, Sample(network='{"interface":"other"}')),
        (network(hops=[], wifi={}, colour="x"), Sample(network='{"interface":"wifi","wifi":{}}')),
        ({"interfaces": []}, Sample(interfaces="[]")),
        ({"metrics": {}}, Sample()),
        (
            {"metrics": {"load1": 5, "a.b-c_D": -1e300}},
            Sample(metrics={"load1": 5, "a.b-c_D": -1e300}),
        ),
        (network(latencyMs=None, hops=None), Sample(network='{"interface":"wifi"}')),
    ],
)
def test_whoever_measured_anything_sent_a_sample(
    check_in: dict[str, Any], sample: Sample | None
) -> None:
    assert sampled(check_in) == sample


@pytest.mark.parametrize(
    ("bound", "kept"),
    [
        (network(latencyMs=0, jitterMs=600_000, packetLossPct=100), (0, 600_000_000, 100_000)),
        (network(latencyMs=600_000, jitterMs=0, packetLossPct=0), (600_000_000, 0, 0)),
    ],
)
def test_bounds_themselves_may_be_measured(
    bound: dict[str, Any], kept: tuple[int, int, int]
) -> None:
    sample = sampled(bound)
    assert sample is not None
    assert (sample.latency, sample.jitter, sample.loss) == kept
    assert len(of_network(hops=[{"ttl": ttl} for ttl in range(224, 256)]).hops) == 32


def thousandths(number: Decimal) -> int:
    return int((number * 1000 + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


# Doubles a little below what is written.
@example(Decimal("0.5005"), Decimal("-1.0035"), Decimal("0.5015"))
@given(
    st.decimals(0, 600_000, places=4),
    st.decimals(-200, 50, places=4),
    st.decimals(0, 100, places=9),
)
def test_measures_are_rounded_half_up_as_they_are_written(
    latency: Decimal, rssi: Decimal, loss: Decimal
) -> None:
    body = (
        f'{{"network": {{"interface": "wifi", "latencyMs": {latency:f}, "packetLossPct": {loss:f},'
        f'"wifi": {{"rssiDbm": {rssi:f}}}, "hops": [{{"ttl": 1, "latencyMs": {latency:f}}}]}}}}'
    )
    (item,) = parse_check_ins(body.encode(), NOW).items
    assert item.sample is not None
    assert item.sample.latency == thousandths(latency)
    assert item.sample.wifi_rssi == thousandths(rssi)
    assert item.sample.loss == thousandths(loss)
    assert item.sample.hops == [Hop(1, None, thousandths(latency) / 1000)]


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=100)
ips = st.ip_addresses().map(str)
macs = st.integers(0, 2**48 - 1).map(lambda mac: mac.to_bytes(6).hex(":"))
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False)
networks = st.fixed_dictionaries(
    {"interface": st.sampled_from(["wifi", "ethernet", "cellular", "other"])},
    optional={
        "publicIp": ips,
        "gateway": st.fixed_dictionaries({"ip": ips, "mac": macs}),
        "wifi": st.fixed_dictionaries(
            {},
            optional={
                "ssid": texts,
                "bssid": macs,
                "noiseDbm": st.floats(-200, 50),
                "channel": st.integers(1, 1000),
                "band": texts,
                "rateMbps": st.floats(0, 1e6),
            },
        ),
    },
)
interfaces = st.lists(
    st.fixed_dictionaries(
        {"name": texts, "type": texts},
        optional={
            "mac": macs,
            "addresses": st.lists(ips, max_size=3),
            "state": texts,
            "counters": st.dictionaries(names, st.integers(0, 2**63 - 1), max_size=3),
        },
    ),
    max_size=3,
)


@given(networks, interfaces, st.dictionaries(names, numbers, max_size=5))
def test_what_is_no_measure_is_kept_as_it_was_sent(
    said: dict[str, Any], listed: list[dict[str, Any]], metrics: dict[str, float]
) -> None:
    for name in OWN_MEASURES:
        metrics.pop(name, None)
    sample = sampled({"network": said, "interfaces": listed, "metrics": metrics})
    assert sample is not None
    assert json.loads(str(sample.network)) == said
    assert json.loads(str(sample.interfaces)) == listed
    assert sample.metrics == metrics


async def test_a_device_is_told_what_it_cannot_have_measured(agent: Agent) -> None:
    answer = await agent.post_check_in(**network(packetLossPct=101))
    assert answer.status_code == 400
    assert answer.json()["message"] == "network.packetLossPct must be at most 100"
    answer = await agent.post_check_in(checkIns=[network(latencyMs=-1), SAMPLE])
    data = answer.json()["data"]
    assert (data["accepted"], data["rejected"]) == (
        1,
        [{"index": 0, "message": "network.latencyMs must be at least 0"}],
    )
