"""A device's network interfaces; loopback is none of them."""

import platform
from typing import Any

from partner_api.agent.measuring.linux_interfaces import read_linux_interfaces
from partner_api.agent.measuring.macos_interfaces import read_macos_interfaces
from partner_api.agent.measuring.windows_interfaces import read_windows_interfaces

Interface = dict[str, Any]


def read_interfaces() -> list[Interface]:
    """The interfaces as the wire has them: what kind, where, up or down, what went through."""
    system = platform.system()
    if system == "Darwin":
        return read_macos_interfaces()
    if system == "Windows":
        return read_windows_interfaces()
    return read_linux_interfaces()
