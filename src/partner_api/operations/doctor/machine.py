"""What can be wrong on this machine: disk, file modes, address, keys."""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from partner_api.config import PREFIX, SecretKey, Settings, parse_secret_keys
from partner_api.kernel.errors import Misconfigured
from partner_api.operations.doctor.findings import Finding, fail, ok, warn

_KEYS_FILE = "secret-keys"
_SECRET_FILES = ("database.json", _KEYS_FILE, "demo.json")
_SCARCE, _NEARLY_NONE = 0.10, 0.02
# Thirty-two random bytes show about thirty different values, and fewer than sixteen never.
_VARIED = 16


def examine_machine(settings: Settings) -> Sequence[Finding]:
    """Every check that needs no database."""
    return [*_examine_data_dir(settings), _examine_address(settings), _examine_keys(settings)]


def _examine_data_dir(settings: Settings) -> Iterator[Finding]:
    if settings.is_embedded and settings.data_dir.exists():
        yield _examine_disk(settings.data_dir)
        yield _examine_modes(settings.data_dir)


def _examine_disk(data_dir: Path) -> Finding:
    pgdata = data_dir / "postgres"
    place = (pgdata if pgdata.exists() else data_dir).resolve()
    usage = shutil.disk_usage(place)
    share = usage.free / usage.total
    text = f"{share:.0%} free on the disk of {place}"
    if share < _NEARLY_NONE:
        return fail("disk", f"{text}; writes will fail. Make room now")
    return warn("disk", f"{text}; make room") if share < _SCARCE else ok("disk", text)


def _examine_modes(data_dir: Path) -> Finding:
    files = [data_dir / name for name in _SECRET_FILES if (data_dir / name).exists()]
    readable = [str(file) for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077]
    if readable:
        return fail("file modes", f"others may read secrets; run: chmod 600 {' '.join(readable)}")
    return ok("file modes", f"secrets in {data_dir} are ours alone")


def _examine_address(settings: Settings) -> Finding:
    subject, name = "public address", f"{PREFIX}PUBLIC_URL"
    if settings.public_url is None:
        return warn(subject, f"{name} is not set; documents and links show the address served")
    if not settings.public_url.startswith("https://"):
        return warn(subject, f"{settings.public_url} is not https: tokens travel in the open")
    return ok(subject, settings.public_url)


def _examine_keys(settings: Settings) -> Finding:
    try:
        text = _keys(settings)
        ring = parse_secret_keys(text) if text is not None else []
    except (Misconfigured, OSError) as error:
        return fail("secret keys", str(error))
    if not ring:
        return ok("secret keys", "the server makes one when it first starts")
    weak = [key.kid for key in ring if _is_weak(key)]
    if weak:
        return fail("secret keys", f"{', '.join(weak)} is not random; put a random key before it")
    return ok("secret keys", f"{ring[0].kid} signs, {len(ring)} verify")


def _keys(settings: Settings) -> str | None:
    """The ring's text; None while the embedded server has made none."""
    if settings.secret_keys is not None:
        return settings.secret_keys.get_secret_value()
    if not settings.is_embedded:
        raise Misconfigured(f"{PREFIX}SECRET_KEYS is not set, so no server starts")
    file = settings.data_dir / _KEYS_FILE
    return file.read_text(encoding="utf-8") if os.path.lexists(file) else None


def _is_weak(key: SecretKey) -> bool:
    return len(set(key.secret)) < _VARIED
