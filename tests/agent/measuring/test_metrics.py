"""Numbers about the machine."""

import pytest

from partner_api.agent.measuring.metrics import (
    CpuTimes,
    cpu_used,
    parse_boot_time,
    parse_meminfo,
    parse_stat,
    parse_vm_stat,
    read_cpu_times,
    read_metrics,
)

MEMINFO = """\
MemTotal:       16000000 kB
MemFree:         1000000 kB
MemAvailable:   12000000 kB
SwapTotal:       2000000 kB
SwapFree:        1500000 kB
HugePages_Total:       0
"""
STAT = """\
cpu  500 20 200 8000 180 0 100 0 50 0
cpu0 250 10 100 4000 90 0 50 0 25 0
intr 12345 0 0
"""
VM_STAT = """\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               10000.
Pages active:                            300000.
Pages inactive:                          250000.
Pages speculative:                         1000.
Pages throttled:                              0.
Pages wired down:                        120000.
Pages purgeable:                           1144.
"Translation faults":                 987654321.
"""
BOOT_TIME = "{ sec = 1795000000, usec = 123456 } Sun Nov 22 07:06:40 2026\n"


def test_linux_memory_in_use_is_what_is_not_available() -> None:
    assert parse_meminfo(MEMINFO) == {"memoryUsedPct": 25.0, "swapUsedPct": 25.0}
    without_swap = MEMINFO.replace(" 2000000", " 0")
    assert parse_meminfo(without_swap) == {"memoryUsedPct": 25.0}
    assert parse_meminfo(MEMINFO.replace("Available", "Other")) == {"swapUsedPct": 25.0}


def test_processors_are_busy_unless_they_idle_or_wait_for_a_disk() -> None:
    times = parse_stat(STAT)
    assert times == CpuTimes(busy=820, total=9000)
    assert cpu_used(times, CpuTimes(busy=920, total=9400)) == {"cpuPct": 25.0}


@pytest.mark.parametrize(
    ("earlier", "later", "used"),
    [
        (None, CpuTimes(1, 2), {}),
        (CpuTimes(1, 2), None, {}),
        (CpuTimes(1, 2), CpuTimes(1, 2), {}),
        (CpuTimes(5, 10), CpuTimes(1, 2), {}),
        (CpuTimes(5, 10), CpuTimes(4, 20), {"cpuPct": 0.0}),
        (CpuTimes(5, 10), CpuTimes(17, 20), {"cpuPct": 100.0}),
    ],
)
def test_processor_times_that_went_nowhere_or_back_tell_nothing_impossible(
    earlier: CpuTimes | None, later: CpuTimes | None, used: dict[str, float]
) -> None:
    assert cpu_used(earlier, later) == used


def test_macos_memory_in_use_is_what_it_would_not_give_back_at_once() -> None:
    assert parse_vm_stat(VM_STAT, 1048576 * 16384) == {"memoryUsedPct": 75.0}
    assert parse_vm_stat(VM_STAT, 0) == {}
    assert parse_vm_stat("", 1) == {}


def test_macos_tells_when_it_started() -> None:
    assert parse_boot_time(BOOT_TIME) == 1795000000
    assert parse_boot_time("") is None


def test_this_machine_is_read() -> None:
    metrics = read_metrics()
    assert {"load1", "memoryUsedPct", "diskUsedPct", "uptimeSeconds"} <= metrics.keys()
    assert all(0 <= metrics[name] <= 100 for name in metrics if name.endswith("Pct"))
    assert cpu_used(CpuTimes(0, 0), read_cpu_times())["cpuPct"] > 0
