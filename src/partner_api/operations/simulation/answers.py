"""What of the server's answers the simulation reads; everything else in them is passed over."""

from typing import Generic, TypeVar

from msgspec import Struct

Item = TypeVar("Item")


class Data(Struct, Generic[Item]):
    """The envelope of one thing."""

    data: Item


class PageMeta(Struct, rename="camel"):
    """Where the next page begins."""

    next_cursor: str | None = None


class Page(Struct, Generic[Item]):
    """The envelope of a page of things."""

    data: list[Item]
    meta: PageMeta


class AccessToken(Struct):
    """An answer to client credentials."""

    access_token: str
    expires_in: int


class Organization(Struct, rename="camel"):
    """A customer, listed or just created."""

    org_id: str
    name: str


class EnrollmentToken(Struct):
    """A permission to enroll."""

    token: str


class Enrolled(Struct, rename="camel"):
    """A device's own token."""

    device_token: str


class CheckInResult(Struct, rename="camel"):
    """What became of a check-in, and when the next one is due."""

    accepted: int
    duplicates: int
    check_in_interval_seconds: float


class LogResult(Struct):
    """What became of log entries."""

    accepted: int


class Problem(Struct):
    """An error."""

    message: str
