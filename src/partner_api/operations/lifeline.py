"""How a child learns that its supervisor is gone, even one killed outright.

The supervisor holds one end of a pipe and its children the other. Whatever ends the supervisor,
the kernel closes its end, and the children read the end of the file.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Coroutine
from threading import Thread
from typing import Any

# Not one of our settings, hence the underscore: those all begin with PARTNER_API_.
VARIABLE = "_PARTNER_API_LIFELINE"
GRACE_SECONDS = 5


def end_with_parent() -> None:
    """End this process when its supervisor does; call it first thing.

    Without a supervisor it does nothing.
    """
    # Taken out of the environment, as the number means nothing to programs we start in turn.
    number = os.environ.pop(VARIABLE, None)
    if number is not None:
        os.set_inheritable(int(number), False)
        Thread(target=_watch, args=(int(number),), name="lifeline", daemon=True).start()


async def until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends, or until SIGINT or SIGTERM asks it to clean up and end."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _watch(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
