"""What the fleet remembers between two runs."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from partner_api.operations.simulation.state import DeviceState, State, StateFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "simulation"
    made.mkdir()
    return made


@pytest.fixture
def file(folder: Path) -> StateFile:
    return StateFile(folder, "nwx_ci_1", 1)


@pytest.fixture
def state() -> State:
    return State({"A": DeviceState("secret", 7)})


def test_load_gives_back_what_was_saved(folder: Path, file: StateFile, state: State) -> None:
    file.save(state)
    assert StateFile(folder, "nwx_ci_1", 1).load() == state


@pytest.mark.parametrize("other", [("nwx_ci_2", 1), ("nwx_ci_1", 2), ("../nwx_ci_1", 1)])
def test_another_credential_or_seed_has_a_state_of_its_own(
    folder: Path, file: StateFile, state: State, other: tuple[str, int]
) -> None:
    file.save(state)
    second = StateFile(folder, *other)
    assert second.load() == State()
    second.save(State({"B": DeviceState("other", 1)}))
    assert file.load() == state
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"devices": 1}', b"\xff"])
def test_load_forgets_what_it_cannot_read(
    folder: Path, file: StateFile, state: State, content: bytes
) -> None:
    file.save(state)
    (saved,) = folder.iterdir()
    saved.write_bytes(content)
    assert file.load() == State()


def test_save_keeps_others_from_reading(folder: Path, file: StateFile, state: State) -> None:
    before = os.umask(0)
    try:
        file.save(state)
    finally:
        os.umask(before)
    (saved,) = folder.iterdir()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600


def test_save_cut_short_leaves_the_old_state(
    file: StateFile, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.save(state)
    monkeypatch.setattr(Path, "replace", _cut_short)
    with pytest.raises(OSError, match="cut short"):
        file.save(State())
    assert file.load() == state


def test_save_writes_nothing_when_nothing_changed(
    folder: Path, file: StateFile, state: State
) -> None:
    file.save(state)
    (saved,) = folder.iterdir()
    written = saved.stat().st_ino
    file.save(state)
    assert saved.stat().st_ino == written


async def test_a_fleet_is_played_by_one_at_a_time(folder: Path) -> None:
    told: list[str] = []

    async def play(name: str) -> None:
        file = StateFile(folder / "new", "nwx_ci_1", 1)
        async with file.held(lambda: told.append(f"{name} waits")):
            told.append(f"{name} plays")
            await asyncio.sleep(0.1)
            told.append(f"{name} ends")

    async with asyncio.timeout(10):
        await asyncio.gather(play("first"), play("second"))
    assert told == [
        *("first plays", "second waits"),
        *("first ends", "second plays", "second ends"),
    ]


async def test_different_fleets_are_played_at_once(folder: Path, file: StateFile) -> None:
    async with (
        file.held(lambda: pytest.fail("waits")),
        StateFile(folder, "nwx_ci_1", 2).held(lambda: pytest.fail("waits")),
    ):
        pass


def _cut_short(*_: object) -> None:
    raise OSError("cut short")
