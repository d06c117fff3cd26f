"""Which request a line of the log belongs to."""

from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
msp_id: ContextVar[str | None] = ContextVar("msp_id", default=None)
