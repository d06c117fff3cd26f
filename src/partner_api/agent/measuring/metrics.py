"""Numbers about the machine, by name."""

import os
import platform
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from partner_api.agent.measuring.commands import output_of

_IDLE, _IOWAIT, _GUEST = 3, 4, 8
_FULL = 100.0
_PAGES = re.compile(r"^(.+?):\s+(\d+)\.$", re.MULTILINE)
_PAGE_SIZE = re.compile(r"page size of (\d+) bytes")
_BOOT = re.compile(r"sec = (\d+)")
# What macOS gives back at once when a program asks for memory.
_MACOS_FREE = ("Pages free", "Pages inactive", "Pages speculative", "Pages purgeable")


@dataclass(frozen=True)
class CpuTimes:
    """What processors did since boot, in ticks."""

    busy: int
    total: int


def read_metrics() -> dict[str, float]:
    """Load, memory, disk and uptime, as far as this system tells."""
    metrics = {"diskUsedPct": _disk_used()}
    if hasattr(os, "getloadavg"):
        names = ("load1", "load5", "load15")
        metrics |= {name: round(load, 2) for name, load in zip(names, os.getloadavg(), strict=True)}
    if platform.system() == "Darwin":
        return metrics | _read_macos()
    if platform.system() == "Linux":
        return metrics | _read_linux()
    return metrics


def read_cpu_times() -> CpuTimes | None:
    """What the processors did so far; None where the system does not tell."""
    if platform.system() != "Linux":
        return None
    return parse_stat(Path("/proc/stat").read_text(encoding="ascii"))


def cpu_used(earlier: CpuTimes | None, later: CpuTimes | None) -> dict[str, float]:
    """The part of the time in between that processors were busy."""
    if earlier is None or later is None or later.total <= earlier.total:
        return {}
    busy = _FULL * (later.busy - earlier.busy) / (later.total - earlier.total)
    # The kernel's count of idle time may go back a little: see proc(5).
    return {"cpuPct": round(min(max(busy, 0.0), _FULL), 1)}


def parse_stat(text: str) -> CpuTimes:
    """The line of all processors in /proc/stat."""
    first, *_ = text.splitlines()
    # Guests' time is part of user time already.
    ticks = [int(number) for number in first.split()[1 : 1 + _GUEST]]
    total = sum(ticks)
    return CpuTimes(total - ticks[_IDLE] - ticks[_IOWAIT], total)


def parse_meminfo(text: str) -> dict[str, float]:
    """Memory and swap in use, from /proc/meminfo."""
    sizes = {name: int(rest.split()[0]) for name, _, rest in map(_partition, text.splitlines())}
    used = {}
    # Kernels before 3.14 do not say how much they would give back.
    if "MemAvailable" in sizes:
        used["memoryUsedPct"] = _part_used(sizes["MemAvailable"], sizes["MemTotal"])
    if sizes.get("SwapTotal"):
        used["swapUsedPct"] = _part_used(sizes["SwapFree"], sizes["SwapTotal"])
    return used


def parse_vm_stat(text: str, memory_size: int) -> dict[str, float]:
    """Memory in use, from macOS's `vm_stat`."""
    page = _PAGE_SIZE.search(text)
    if page is None or not memory_size:
        return {}
    pages = {name.strip('"'): int(count) for name, count in _PAGES.findall(text)}
    free = sum(pages.get(name, 0) for name in _MACOS_FREE) * int(page[1])
    return {"memoryUsedPct": _part_used(min(free, memory_size), memory_size)}


def parse_boot_time(text: str) -> int | None:
    """When the machine started, in seconds since 1970, from `sysctl -n kern.boottime`."""
    match = _BOOT.search(text)
    return int(match[1]) if match else None


def _read_linux() -> dict[str, float]:
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    memory = parse_meminfo(Path("/proc/meminfo").read_text(encoding="ascii"))
    return {**memory, "uptimeSeconds": int(uptime)}


def _read_macos() -> dict[str, float]:
    memory_size = output_of("sysctl", "-n", "hw.memsize").strip()
    metrics = parse_vm_stat(output_of("vm_stat"), int(memory_size or 0))
    boot = parse_boot_time(output_of("sysctl", "-n", "kern.boottime"))
    return metrics if boot is None else {**metrics, "uptimeSeconds": int(time.time()) - boot}


def _disk_used() -> float:
    usage = shutil.disk_usage("/")
    # As df has it: what is reserved for root is neither used nor free.
    return round(_FULL * usage.used / ((usage.used + usage.free) or 1), 1)


def _part_used(free: int, total: int) -> float:
    return round(_FULL * (total - free) / total, 1)


def _partition(line: str) -> tuple[str, str, str]:
    return line.partition(":")
