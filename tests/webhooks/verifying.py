"""What a receiver does with the published library, at the time of a test's clock."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from unittest.mock import patch

from standardwebhooks import Webhook

from tests.clock import StoppedClock


def verified(secret: str, headers: Mapping[str, str], body: bytes, clock: StoppedClock) -> Any:
    """The message; raises WebhookVerificationError when it is not from who has the secret."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Now":
            return cls.fromtimestamp(clock.now().timestamp(), tz)

    with patch("standardwebhooks.webhooks.datetime", Now):
        return Webhook(secret).verify(body, dict(headers))
