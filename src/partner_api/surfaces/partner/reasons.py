"""Why a device has its status, for programs and as sentences."""

from partner_api.fleet.types import Reason
from partner_api.surfaces.partner.device_schemas import StatusReason

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def status_reason(reason: Reason) -> StatusReason:
    """A rule and what it found."""
    return StatusReason(
        rule=reason.rule,
        passed=reason.passed,
        age_seconds=reason.age_seconds,
        threshold_seconds=reason.threshold_seconds,
        current_version=reason.current_version,
        latest_version=reason.latest_version,
        text=_about_version(reason)
        if reason.threshold_seconds is None
        else _about_age(reason, duration(reason.threshold_seconds)),
    )


def duration(seconds: int) -> str:
    """The two largest units of a duration, such as "1 hour 30 minutes"."""
    words = []
    for unit, size in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            words.append(f"{number} {unit}" if number == 1 else f"{number} {unit}s")
    return " ".join(words[:2]) or "0 seconds"


def _about_age(reason: Reason, limit: str) -> str:
    if reason.age_seconds is None:
        return f"Never seen, so not within {limit}"
    within = "within" if reason.passed else "not within"
    return f"Last seen {duration(int(reason.age_seconds))} ago, {within} {limit}"


def _about_version(reason: Reason) -> str:
    runs = f"Runs {reason.current_version}"
    if reason.latest_version is None:
        return f"{runs}; no release is published for it"
    if reason.latest_version == reason.current_version:
        return f"{runs}, the newest release"
    older = "no older" if reason.passed else "older"
    return f"{runs}, {older} than the newest release, {reason.latest_version}"
