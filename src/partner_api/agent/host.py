"""What the agent can tell about the machine it runs on, and about itself."""

import platform
from importlib.metadata import version

from partner_api.kernel.text import is_clean

AGENT_VERSION = version("partner-api")

_LONGEST = 100


def read_host(current_version: str | None) -> dict[str, str]:
    """The facts that go with every check-in, as the wire names them.

    `current_version` takes the place of the agent's own version.
    """
    return clean_facts(
        {
            "os": "macOS" if platform.system() == "Darwin" else platform.system() or "unknown",
            "osVersion": _os_version(),
            "arch": platform.machine() or "unknown",
            "currentVersion": current_version or AGENT_VERSION,
        }
    )


def clean_facts(facts: dict[str, str | None]) -> dict[str, str]:
    """The facts a server takes: an unreadable one is left out, a long one cut."""
    return {name: text[:_LONGEST] for name, text in facts.items() if text and is_clean(text)}


def _os_version() -> str:
    if platform.system() == "Darwin":
        return platform.mac_ver()[0]
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.release()
    return f"{release['NAME']} {release.get('VERSION_ID', '')}".strip()
