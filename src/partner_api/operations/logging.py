"""How our processes log: one line each, in UTC, to standard error."""

import logging
import time


def configure_logging() -> None:
    """Log everything from INFO up, flushed line by line."""
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Its start-up chatter repeats what the supervisor says.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
