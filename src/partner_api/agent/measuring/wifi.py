"""The Wi-Fi network a device is in, as far as its system tells."""

import platform
import re
from pathlib import Path
from typing import Any

from partner_api.agent.measuring.commands import output_of
from partner_api.agent.measuring.macs import normal_mac

_WIRELESS = Path("/proc/net/wireless")
_IW_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_CHANNEL = re.compile(r"(\d+) \((2|5|6)(?:\.4)? ?GHz")
_BANDS = {"2": "2.4 GHz", "5": "5 GHz", "6": "6 GHz"}
_STRONGEST_DBM, _WEAKEST_DBM = 30, -150

Wifi = dict[str, Any]


def read_wifi(interface: str) -> Wifi | None:
    """What an interface's Wi-Fi is like, as the wire has it; None without any."""
    system = platform.system()
    if system == "Darwin":
        return parse_system_profiler(output_of("system_profiler", "SPAirPortDataType", seconds=10))
    if system == "Windows":
        return parse_netsh(output_of("netsh", "wlan", "show", "interfaces"))
    signal = parse_proc_wireless(_text(_WIRELESS), interface)
    link = parse_iw_link(output_of("iw", "dev", interface, "link"))
    return {**signal, **link} or None


def parse_proc_wireless(text: str, interface: str) -> Wifi:
    """Signal and noise in /proc/net/wireless; drivers that know no noise say -256."""
    for line in text.splitlines():
        name, _, values = line.partition(":")
        if name.strip() == interface:
            _, _, level, noise, *_ = values.split()
            return _known(rssiDbm=_dbm(level), noiseDbm=_dbm(noise))
    return {}


def parse_iw_link(text: str) -> Wifi:
    """What `iw dev … link` prints; nothing when it is not connected."""
    first, *lines = text.splitlines() or [""]
    if not first.startswith("Connected to "):
        return {}
    said = _pairs(lines)
    channel, band = channel_of(_number(said.get("freq", "")) or 0)
    return _known(
        ssid=_unescaped(said["SSID"]) if "SSID" in said else None,
        bssid=normal_mac(first.split()[2]),
        rssiDbm=_dbm(said.get("signal", "")),
        channel=channel,
        band=band,
        rateMbps=_number(said.get("tx bitrate", "")),
    )


def parse_system_profiler(text: str) -> Wifi | None:
    """The present network in what macOS's `system_profiler SPAirPortDataType` prints.

    Systems from 14 on hide names from programs that may not know where they are.
    """
    _, found, rest = text.partition("Current Network Information:\n")
    if not found:
        return None
    name, *lines = rest.split("Other Local Wi-Fi Networks:")[0].splitlines()
    said = _pairs(lines)
    signal, _, noise = said.get("Signal / Noise", "").partition("/")
    channel = _CHANNEL.match(said.get("Channel", ""))
    ssid = name.strip().removesuffix(":")
    return _known(
        ssid=None if ssid == "<redacted>" else ssid,
        bssid=normal_mac(said.get("BSSID", "")),
        rssiDbm=_dbm(signal),
        noiseDbm=_dbm(noise),
        channel=int(channel[1]) if channel else None,
        band=_BANDS[channel[2]] if channel else None,
        rateMbps=_number(said.get("Transmit Rate", "")),
    )


def parse_netsh(text: str) -> Wifi | None:
    """The first connected network in what Windows' `netsh wlan show interfaces` prints."""
    for block in re.split(r"\n\s*\n", text.replace("\r", "")):
        said = _pairs(block.splitlines())
        if said.get("State") == "connected":
            return _from_netsh(said)
    return None


def channel_of(megahertz: float) -> tuple[int | None, str | None]:
    """A frequency's channel and band, IEEE 802.11, annex E."""
    if megahertz == 2484:
        return 14, _BANDS["2"]
    for low, high, start, band in ((2412, 2472, 2407, "2"), (5955, 7115, 5950, "6")):
        if low <= megahertz <= high:
            return int(megahertz - start) // 5, _BANDS[band]
    if 5160 <= megahertz <= 5885:
        return int(megahertz - 5000) // 5, _BANDS["5"]
    return None, None


def _from_netsh(said: dict[str, str]) -> Wifi:
    signal = said.get("Signal", "").removesuffix("%")
    # Newer systems tell the signal itself; the others a quality, which stands for -100 to -50 dBm.
    strength = said.get("Rssi") or (str(int(signal) / 2 - 100) if signal.isdigit() else "")
    channel = said.get("Channel", "")
    return _known(
        ssid=said.get("SSID"),
        bssid=normal_mac(said.get("AP BSSID") or said.get("BSSID", "")),
        rssiDbm=_dbm(strength),
        channel=int(channel) if channel.isdigit() else None,
        band=_BANDS.get(said.get("Band", "")[:1]),
        rateMbps=_number(said.get("Transmit rate (Mbps)", "")),
    )


def _pairs(lines: list[str]) -> dict[str, str]:
    split = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, colon, value in split if colon}


def _known(**values: Any) -> Wifi:
    return {name: value for name, value in values.items() if value not in {None, ""}}


def _dbm(text: str) -> float | None:
    value = _number(text)
    return value if value is not None and _WEAKEST_DBM <= value <= _STRONGEST_DBM else None


def _number(text: str) -> float | None:
    match = _NUMBER.match(text.strip())
    return float(match[0]) if match else None


def _unescaped(ssid: str) -> str:
    # iw writes what is not printable ASCII byte by byte.
    raw = _IW_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), ssid.encode())
    return raw.decode("utf-8", errors="replace")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
