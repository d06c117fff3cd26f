"""What makes a network good, degraded or poor."""

import pytest

from partner_api.status.quality import Level, Limits

GOOD, DEGRADED, POOR = Level.GOOD, Level.DEGRADED, Level.POOR


@pytest.mark.parametrize(
    ("latency", "jitter", "packet_loss", "level"),
    [
        (None, None, None, None),
        (0, 0, 0, GOOD),
        (100_000, 30_000, 1_000, GOOD),
        (100_001, None, None, DEGRADED),
        (None, 30_001, None, DEGRADED),
        (None, None, 1_001, DEGRADED),
        (300_000, 50_000, 10_000, DEGRADED),
        (300_001, None, None, POOR),
        (None, 50_001, None, POOR),
        (None, None, 10_001, POOR),
        (20_000, 2_000, 10_001, POOR),
        (100_000.5, 2_000, 0, DEGRADED),
        (300_001, 30_001, 0, POOR),
        (20_000, None, None, GOOD),
        (None, None, 100_000, POOR),
    ],
)
def test_the_worst_measure_decides(
    latency: float | None, jitter: float | None, packet_loss: float | None, level: Level | None
) -> None:
    assert Limits().level(latency, jitter, packet_loss) is level


def test_an_msp_draws_its_own_limits() -> None:
    strict = Limits(good_latency_ms=10, degraded_latency_ms=10, good_packet_loss_pct=0)
    assert strict.level(10_000, 1, 0) is GOOD
    assert strict.level(10_001, 1, 0) is POOR
    assert strict.level(10_000, 1, 1) is DEGRADED
