"""What devices report: check-ins and log entries, as the wire has them."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random

from partner_api.kernel.timestamps import format_timestamp

Report = dict[str, object]

_ROUTINE: tuple[Callable[[Random], Report], ...] = (
    lambda random: {
        "type": "network_check",
        "latency_ms": round(random.lognormvariate(2.8, 0.5), 1),
        "packet_loss_percent": 0,
    },
    lambda random: {"type": "wifi_signal", "rssi_dbm": -random.randint(42, 68), "band": "5 GHz"},
    lambda _random: {"type": "update_check", "result": "none available"},
)
_TROUBLE: Mapping[str, Callable[[Random], Report]] = {
    "WARN": lambda random: {
        "type": "network_check",
        "latency_ms": round(random.uniform(150, 600), 1),
        "packet_loss_percent": random.randint(1, 8),
    },
    "ERROR": lambda random: {
        "type": "dns_failure",
        "host": random.choice(("mail.example.com", "files.example.com", "vpn.example.com")),
    },
}
_SEVERITIES = {"INFO": 85, "WARN": 12, "ERROR": 3}
_LONGEST_DELAY_SECONDS = 60.0


def check_in(
    sequence: int, observed_at: datetime, sent_at: datetime, said: Mapping[str, object]
) -> Report:
    """One check-in that says this."""
    return {
        "sequence": sequence,
        "observedAt": format_timestamp(observed_at),
        "sentAt": format_timestamp(sent_at),
        **said,
    }


def log_entries(random: Random, now: datetime) -> list[Report]:
    """One to three things a device noticed within the last minute, oldest first."""
    ages = sorted(random.uniform(0, _LONGEST_DELAY_SECONDS) for _ in range(random.randint(1, 3)))
    return [_log_entry(random, now - timedelta(seconds=age)) for age in reversed(ages)]


def _log_entry(random: Random, timestamp: datetime) -> Report:
    severity = random.choices(list(_SEVERITIES), list(_SEVERITIES.values()))[0]
    make_payload = _TROUBLE.get(severity) or random.choice(_ROUTINE)
    return {
        "timestamp": format_timestamp(timestamp),
        "severity": severity,
        "payload": make_payload(random),
    }
