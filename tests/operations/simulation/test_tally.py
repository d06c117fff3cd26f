"""Numbers and the words for them."""

from random import Random

import pytest

from partner_api.operations.simulation.tally import Latencies, Tally, Telling


class Watch:
    """Shows the time it was set to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_quantiles_are_right_to_a_few_percent(share: float) -> None:
    random, latencies = Random(1), Latencies()
    drawn = sorted(random.lognormvariate(-5, 1) for _ in range(10_000))
    for seconds in drawn:
        latencies.add(seconds)
    assert latencies.quantile(share) == pytest.approx(drawn[round(share * 10_000) - 1], rel=0.05)


def test_nothing_has_no_quantile() -> None:
    assert Latencies().quantile(0.5) is None


def test_one_slow_answer_of_a_hundred_is_not_yet_the_99th_percentile() -> None:
    latencies = Latencies()
    for seconds in (*[0.01] * 99, 10.0):
        latencies.add(seconds)
    assert latencies.quantile(0.99) == pytest.approx(0.01, rel=0.05)
    assert latencies.quantile(0.995) == pytest.approx(10, rel=0.05)


def test_progress_has_all_counts_with_the_latest_rate_and_latencies() -> None:
    tally, watch = Tally(), Watch()
    telling = Telling(tally, watch)
    for _ in range(20):
        tally.sent += 1
        tally.answered(1, 0, 0.5)
    watch.seconds += 10
    assert telling.progress() == (
        "sent 20, accepted 20, duplicates 0, errors 0, 2.0/s, p50/p99 505/505 ms"
    )
    tally.sent += 1
    tally.answered(0, 1, 0.002)
    tally.errors += 3
    watch.seconds += 2
    assert telling.progress() == (
        "sent 21, accepted 20, duplicates 1, errors 3, 0.5/s, p50/p99 2.0/2.0 ms"
    )
    watch.seconds += 2
    assert telling.progress() == (
        "sent 21, accepted 20, duplicates 1, errors 3, 0.0/s, p50/p99 -/- ms"
    )


def test_the_summary_is_about_everything_since_check_ins_began() -> None:
    tally, watch = Tally(errors=1), Watch()
    telling = Telling(tally, watch)
    for _ in range(99):
        tally.sent += 1
        tally.answered(1, 0, 0.004)
    telling.progress()
    tally.sent += 1
    tally.answered(1, 0, 0.004)
    watch.seconds += 50
    assert telling.summary(40) == (
        "40 devices in 50 s: sent 100, accepted 100, duplicates 0, errors 1, 2.0/s, "
        "p50/p99 4.0/4.0 ms"
    )
