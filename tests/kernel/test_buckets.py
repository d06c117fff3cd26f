import pytest

from partner_api.kernel.buckets import Buckets
from partner_api.kernel.errors import RateLimited


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_taken_and_the_rest_has_to_wait_as_long_as_it_is_told() -> None:
    seconds = Seconds()
    buckets = Buckets(capacity=10, rate=2, monotonic=seconds)
    buckets.take("a", 10, "too much")
    with pytest.raises(RateLimited) as refused:
        buckets.take("a", 4, "too much")
    buckets.take("b", 10, "too much")
    seconds.now += refused.value.retry_after_seconds
    buckets.take("a", 4, "too much")


def test_a_request_larger_than_the_bucket_passes_when_it_is_full() -> None:
    buckets = Buckets(capacity=10, rate=1, monotonic=Seconds())
    buckets.take("a", 50, "too much")
    with pytest.raises(RateLimited):
        buckets.take("a", 1, "too much")
