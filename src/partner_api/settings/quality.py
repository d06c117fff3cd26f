"""Up to which measures an MSP calls a network good or degraded."""

from collections.abc import Mapping

from partner_api.settings.names import DEFAULTS, Setting
from partner_api.status.quality import Limits

_FIELDS = {
    "good_latency_ms": Setting.GOOD_LATENCY,
    "degraded_latency_ms": Setting.DEGRADED_LATENCY,
    "good_jitter_ms": Setting.GOOD_JITTER,
    "degraded_jitter_ms": Setting.DEGRADED_JITTER,
    "good_packet_loss_pct": Setting.GOOD_PACKET_LOSS,
    "degraded_packet_loss_pct": Setting.DEGRADED_PACKET_LOSS,
}


def limits_of(chosen: Mapping[str, int]) -> Limits:
    """What holds for an MSP that chose these, by the settings' names; others are not looked at."""
    return Limits(
        **{field: chosen.get(setting, DEFAULTS[setting]) for field, setting in _FIELDS.items()}
    )
