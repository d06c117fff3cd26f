"""How our processes log: one line each, in UTC, to standard error.

A request is logged with its id, its MSP and its path, never with its query, headers or body:
those hold secrets and people's names. JSON has every request but those devices make and that went
well; text, which people read as it comes, has those that failed or were slow.
"""

import json
import logging
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from partner_api.kernel import context
from partner_api.kernel.timestamps import format_timestamp


class LogFormat(StrEnum):
    """What a line looks like."""

    JSON = "json"
    TEXT = "text"


def configure_logging(log_format: LogFormat = LogFormat.TEXT) -> None:
    """Log everything from INFO up, flushed line by line."""
    handler = logging.StreamHandler()
    if log_format is LogFormat.JSON:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(_text_formatter())
        handler.addFilter(lambda record: not getattr(record, "is_routine", False))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Libraries speak when something is wrong; what goes well is ours to say.
    for library in ("alembic", "httpx", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what is known of the request."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": format_timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "requestId": context.request_id.get(),
            "mspId": context.msp_id.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in line.items() if value is not None})


def _text_formatter() -> logging.Formatter:
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    return formatter
