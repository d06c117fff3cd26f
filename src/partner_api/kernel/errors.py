"""The kinds of failure a caller can be told about.

    PartnerApiError
    ├── NotFound            nothing here by that name, for this caller
    ├── Conflict            the request is fine, the present state forbids it
    ├── Forbidden           the caller is known and may not
    ├── Unauthenticated     the caller could not be told who they are
    ├── Invalid             the request itself is wrong
    │   ├── Unsupported     its media type is not one we read
    │   └── TooLarge        it is bigger than we accept
    ├── Unavailable         try again later
    │   └── RateLimited     the caller does too much
    └── Misconfigured       the operator has to change something

No HTTP number appears here: each surface maps kinds to statuses in its own errors module.
"""


class PartnerApiError(Exception):
    """Carries one sentence the caller can act on."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(PartnerApiError):
    """Nothing here by that name, or nothing this caller may know of."""


class Conflict(PartnerApiError):
    """The present state of things forbids it."""


class Forbidden(PartnerApiError):
    """The caller is known and may not do this."""


class Unauthenticated(PartnerApiError):
    """The caller's token is missing, wrong, expired or revoked."""


class Invalid(PartnerApiError):
    """The request is wrong; the message names the field and what is allowed."""


class Unsupported(Invalid):
    """The body's media type is not one this operation reads."""


class TooLarge(Invalid):
    """The body is bigger than this operation accepts."""


class Unavailable(PartnerApiError):
    """Something we depend on is away; the same request may succeed shortly."""

    def __init__(self, message: str, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(Unavailable):
    """The caller does more than its share; the same request succeeds after the wait."""


class Misconfigured(PartnerApiError):
    """The server refuses to start or to act; the message says what to set."""
