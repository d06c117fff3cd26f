"""What check-ins may say of measures, as the document describes it; `ingest.samples` reads it."""

from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from partner_api.ingest import samples
from partner_api.surfaces.partner.wire import CLEAN, Body

_MAC_FORMS = (
    "[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}",
    "[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}",
    r"[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4}){2}",
)
_NAMES = {"pattern": f"^{samples.NAME}$"}


def _at_most(members: int) -> dict[str, Any]:
    return {"type": "object", "maxProperties": members}


Text = Annotated[str, Field(min_length=1, max_length=samples.LONGEST_TEXT, json_schema_extra=CLEAN)]
Ip = Annotated[
    str,
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}
    ),
]
Mac = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(_MAC_FORMS)})$"})]
Milliseconds = Annotated[float, Field(ge=0, le=samples.LONGEST_MS)]
Percent = Annotated[float, Field(ge=0, le=100)]
Dbm = Annotated[float, Field(ge=samples.WEAKEST_DBM, le=samples.STRONGEST_DBM)]
Counters = Annotated[
    dict[str, int],
    WithJsonSchema(
        {
            **_at_most(samples.MOST_NAMED),
            "propertyNames": _NAMES,
            "additionalProperties": {
                "type": "integer",
                "minimum": 0,
                "maximum": samples.HIGHEST_COUNT,
            },
        }
    ),
]
Metrics = Annotated[
    dict[str, float],
    WithJsonSchema(
        {
            **_at_most(samples.MOST_NAMED),
            "propertyNames": {**_NAMES, "not": {"enum": list(samples.OWN_MEASURES)}},
            "additionalProperties": {"type": "number"},
        }
    ),
]


class Hop(Body):
    """One router on the way to the target, or one that did not answer."""

    ttl: int = Field(ge=1, le=255, description="Each once.", examples=[1])
    ip: Ip | None = Field(None, examples=["192.0.2.1"])
    latency_ms: Milliseconds | None = Field(None, examples=[1.25])
    loss_pct: Percent | None = Field(None, examples=[0])


class Gateway(Body):
    """The router nearest to the device."""

    ip: Ip = Field(examples=["192.0.2.1"])
    mac: Mac = Field(examples=["00:00:5e:00:53:01"])
    response_ms: Milliseconds | None = Field(None, examples=[1.25])


class Wifi(Body):
    """The radio link."""

    ssid: Text | None = Field(None, examples=["Acme Office"])
    bssid: Mac | None = Field(None, examples=["00:00:5e:00:53:02"])
    rssi_dbm: Dbm | None = Field(None, description="The signal.", examples=[-58])
    noise_dbm: Dbm | None = Field(None, examples=[-92])
    channel: int | None = Field(None, ge=1, le=samples.HIGHEST_CHANNEL, examples=[44])
    band: Text | None = Field(None, examples=["5 GHz"])
    rate_mbps: float | None = Field(None, ge=0, le=samples.FASTEST_MBPS, examples=[866.7])


class Network(Body):
    """The way to the target, and how it fares."""

    interface: samples.Link = Field(
        description="What the device is connected by.", examples=["wifi"]
    )
    public_ip: Ip | None = Field(None, examples=["203.0.113.7"])
    gateway: Gateway | None = None
    latency_ms: Milliseconds | None = Field(None, description="There and back.", examples=[12.5])
    jitter_ms: Milliseconds | None = Field(None, examples=[1.75])
    packet_loss_pct: Percent | None = Field(None, examples=[0.5])
    hops: list[Hop] | None = Field(None, max_length=samples.MOST_HOPS)
    wifi: Wifi | None = None


class Interface(Body):
    """One of the device's network interfaces."""

    name: Text = Field(examples=["en0"])
    type: Text = Field(examples=["wifi"])
    mac: Mac | None = Field(None, examples=["00:00:5e:00:53:03"])
    addresses: list[Text] | None = Field(
        None,
        max_length=samples.MOST_NAMED,
        description="IP addresses, each with the length of its prefix or without.",
        examples=[["192.0.2.4/24", "2001:db8::4/64"]],
    )
    state: Text | None = Field(None, examples=["up"])
    counters: Counters | None = Field(
        None,
        description=f"Whole numbers by name, at most {samples.MOST_NAMED}.",
        examples=[{"rxBytes": 184467, "txBytes": 4096}],
    )


Interfaces = Annotated[list[Interface], Field(max_length=samples.MOST_NAMED)]

SAMPLE: dict[str, Any] = {
    "network": {
        "interface": "wifi",
        "publicIp": "203.0.113.7",
        "gateway": {"ip": "192.0.2.1", "mac": "00:00:5e:00:53:01", "responseMs": 1.25},
        "latencyMs": 12.5,
        "jitterMs": 1.75,
        "packetLossPct": 0.5,
        "hops": [{"ttl": 1, "ip": "192.0.2.1", "latencyMs": 1.25, "lossPct": 0}, {"ttl": 2}],
        "wifi": {
            "ssid": "Acme Office",
            "bssid": "00:00:5e:00:53:02",
            "rssiDbm": -58,
            "noiseDbm": -92,
            "channel": 44,
            "band": "5 GHz",
            "rateMbps": 866.7,
        },
    },
    "interfaces": [
        {
            "name": "en0",
            "type": "wifi",
            "mac": "00:00:5e:00:53:03",
            "addresses": ["192.0.2.4/24", "2001:db8::4/64"],
            "state": "up",
            "counters": {"rxBytes": 184467, "txBytes": 4096},
        }
    ],
    "metrics": {"load1": 0.42, "memoryUsedPct": 61.5},
}
"""What a check-in may carry, for examples."""
