"""What the fleet remembers between two runs."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TextIO

import msgspec
from msgspec import Struct

_BETWEEN_TRIES_SECONDS = 0.5


class DeviceState(Struct, rename="camel"):
    """One device's memory."""

    token: str
    next_sequence: int = 1


class State(Struct, rename="camel"):
    """The devices that were enrolled, by their clientId."""

    devices: dict[str, DeviceState] = {}


class StateFile:
    """Keeps the state of a credential's fleet in a file that is ours alone: it holds tokens."""

    def __init__(self, folder: Path, credential_id: str, seed: int) -> None:
        name = blake2b(f"{credential_id}/{seed}".encode(), digest_size=8).hexdigest()
        self._path = folder / f"{name}.json"
        self._saved: bytes | None = None

    @asynccontextmanager
    async def held(self, say_waiting: Callable[[], None]) -> AsyncIterator[None]:
        """Play alone: two processes would use a device's sequence numbers twice."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            if not _locks(lock):
                say_waiting()
                while not _locks(lock):  # noqa: ASYNC110 - a file tells nobody that it is free
                    await asyncio.sleep(_BETWEEN_TRIES_SECONDS)
            yield

    def load(self) -> State:
        """The state as it was left, or an empty one if it cannot be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=State)
        except (FileNotFoundError, msgspec.DecodeError):
            return State()

    def save(self, state: State) -> None:
        """Put a state in place of the old one, whole or not at all; nothing if nothing changed."""
        content = msgspec.json.encode(state)
        if content == self._saved:
            return
        # A temporary file is born with mode 0600, before it has any content.
        with NamedTemporaryFile(dir=self._path.parent, delete=False) as unfinished:
            unfinished.write(content)
        Path(unfinished.name).replace(self._path)
        self._saved = content


def _locks(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
