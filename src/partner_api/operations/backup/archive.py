"""The archive as a file: a tar of a manifest and a dump, for its writer's eyes only."""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

import msgspec

from partner_api.kernel.errors import Invalid
from partner_api.operations.backup.manifest import Manifest

_DUMP = "database.dump"
_MANIFEST = "manifest.json"
_PIECE = 1 << 20


def write_archive(target: Path, manifest: Manifest, dump: Path) -> int:
    """Write the archive, read it back and return its size.

    A file that was there gives way to a good one only.
    """
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600)
    try:
        with os.fdopen(handle, "wb") as file, dump.open("rb") as content:
            summed = msgspec.structs.replace(manifest, sha256=_sha256(content))
            _write(file, summed, content)
            size = file.tell()
        with open_archive(unfinished):
            pass
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync(target.parent)
    return size


@contextmanager
def open_archive(source: Path) -> Iterator[tuple[Manifest, IO[bytes]]]:
    """An archive's manifest and its dump, whose checksum is right; Invalid when it is not."""
    try:
        with tarfile.open(source, "r:") as tar:
            manifest = msgspec.json.decode(_member(tar, _MANIFEST).read(), type=Manifest)
            dump = _member(tar, _DUMP)
            if _sha256(dump) != manifest.sha256:
                raise Invalid(f"{source} is damaged: its checksum is wrong")
            yield manifest, dump
    except (tarfile.TarError, msgspec.MsgspecError, KeyError) as error:
        raise Invalid(f"{source} is no whole backup of this server: {error}") from error


def _write(file: IO[bytes], manifest: Manifest, dump: IO[bytes]) -> None:
    said = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    with tarfile.open(fileobj=file, mode="w") as tar:
        tar.addfile(_entry(_MANIFEST, manifest, len(said)), BytesIO(said))
        tar.addfile(_entry(_DUMP, manifest, os.fstat(dump.fileno()).st_size), dump)
    file.flush()
    os.fsync(file.fileno())


def _sha256(content: IO[bytes]) -> str:
    """The checksum of all of it, and back to the beginning."""
    digest = hashlib.sha256()
    while piece := content.read(_PIECE):
        digest.update(piece)
    content.seek(0)
    return digest.hexdigest()


def _entry(name: str, manifest: Manifest, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    entry.mtime = int(manifest.created_at.timestamp())
    return entry


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
