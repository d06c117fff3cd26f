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
    # Libraries speak when something is wrong; what goes well is ours to say.
    for library in ("alembic", "httpx", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)
