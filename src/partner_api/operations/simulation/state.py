"""What the fleet remembers between two runs."""

from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec
from msgspec import Struct


class DeviceState(Struct, rename="camel"):
    """One device's memory."""

    token: str
    next_sequence: int = 1


class State(Struct, rename="camel"):
    """Whose fleet it is, and the devices that were enrolled, by their clientId."""

    msp_id: str
    credential_id: str
    devices: dict[str, DeviceState] = {}


class StateFile:
    """Keeps a state in a file that is ours alone, for it holds the devices' tokens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved: bytes | None = None

    def load(self, msp_id: str, credential_id: str) -> State:
        """The state as it was left, or an empty one if it was another's or cannot be read."""
        state = self._read()
        if state is None or (state.msp_id, state.credential_id) != (msp_id, credential_id):
            return State(msp_id, credential_id)
        return state

    def save(self, state: State) -> None:
        """Put a state in place of the old one, whole or not at all; nothing if nothing changed."""
        content = msgspec.json.encode(state)
        if content == self._saved:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # A temporary file is born with mode 0600, before it has any content.
        with NamedTemporaryFile(dir=self._path.parent, delete=False) as unfinished:
            unfinished.write(content)
        Path(unfinished.name).replace(self._path)
        self._saved = content

    def _read(self) -> State | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=State)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
